# Everything sets itself up: the first call takes minutes, later ones start in seconds.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.SILENT:
.PHONY: help demo test lint format bench build clean train evaluate audit

RECORDING ?= data/demo_room
TOPIC ?=
FIXED_FRAME ?=
MODEL ?= mini
OUTPUT ?= demo_output
PYTEST_ARGS ?=
TEST_PROCESSES ?= 3
ROS ?=
ROOMS ?= rooms
TRAIN_ROOMS ?= 1000
VAL_ROOMS ?= 24
REAL ?=
TOURS ?= tours

prepare := export SEG3D_ROS="$(ROS)" && tools/setup_environment.sh && source tools/env.sh

help:
	echo "make demo    run the node on a recording: RECORDING=$(RECORDING) MODEL=$(MODEL) OUTPUT=$(OUTPUT)"
	echo "               a bag: TOPIC=/camera/depth/image_raw FIXED_FRAME=odom where it leaves a choice"
	echo "make test    run the tests: PYTEST_ARGS='-k cloud'; ROS=jazzy: with Jazzy's packages, on Python 3.12"
	echo "make lint    check style and types; make format: apply the style"
	echo "make bench   measure, print a table, write bench.json"
	echo "make train   make rooms, train mini on them: ROOMS=$(ROOMS) TRAIN_ROOMS=$(TRAIN_ROOMS)"
	echo "make evaluate  measure the models on rooms never trained on: VAL_ROOMS=$(VAL_ROOMS) REAL=folder of real scenes"
	echo "make audit   play five fixed tours through the node's engine: identities, ghosts, moves, memory: TOURS=$(TOURS)"
	echo "make build   only prepare; then: source tools/env.sh"
	echo "make clean   remove what these made, but for rooms and trainings"

demo:
	$(prepare)
	python -m seg3d_ros.demo --recording "$(RECORDING)" --topic "$(TOPIC)" \
	  --fixed-frame "$(FIXED_FRAME)" --model "$(MODEL)" --output "$(OUTPUT)"

# Three keep two cores busy while nodes wait; each waits longer for what another one holds up. Bytecode is kept, or each of
# the hundreds of programs that the tests start would compile the package for itself.
test:
	$(prepare)
	export OMP_NUM_THREADS=1 SEG3D_TEST_PATIENCE=$${SEG3D_TEST_PATIENCE:-3} PYTHONDONTWRITEBYTECODE=
	pytest -q --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

lint:
	$(prepare)
	ruff check .
	ruff format --check .
	mypy

format:
	$(prepare)
	ruff check --fix .
	ruff format .

# Rooms that are there are kept; seed 0 makes the same ones everywhere.
train:
	$(prepare)
	seg3d synthesize --split train --rooms $(TRAIN_ROOMS) -o "$(ROOMS)"
	seg3d synthesize --split val_rooms --rooms $(VAL_ROOMS) -o "$(ROOMS)"
	seg3d train --config-name mini paths.data_dir="$(ROOMS)"

evaluate:
	$(prepare)
	for split in val_rooms val_models val_names; do
	  seg3d synthesize --split $$split --rooms $(VAL_ROOMS) -o "$(ROOMS)"
	done
	seg3d evaluate "$(ROOMS)" --model mini --model geometric --objects-only --min-score 0.05 -o evaluation_output
	seg3d evaluate "$(ROOMS)" --prompts --model mini_clicks --model point_sam_mini --objects-only --limit 6 -o evaluation_output
	if [ -n "$(REAL)" ]; then
	  seg3d evaluate "$(REAL)" --model mini --model geometric --objects-only --min-score 0.05 -o evaluation_output/real
	  seg3d evaluate "$(REAL)" --model mini --objects-only --min-score 0.05 --density 0.5 -o evaluation_output/real_half
	  seg3d evaluate "$(REAL)" --prompts --model mini_clicks --model point_sam_mini --objects-only -o evaluation_output/real
	fi

# Five tours with exact poses, the first two of them again with poses that drift.
audit:
	$(prepare)
	seg3d synthesize --tours 5 --split val_models -o "$(TOURS)"
	for noise in 0.02 0.05; do
	  seg3d synthesize --tours 2 --split val_models --pose-noise $$noise -o "$(TOURS)/noise_$$noise"
	  seg3d audit "$(TOURS)/noise_$$noise"/val_models/tour_* -o audit_output/noise_$$noise
	done
	seg3d audit "$(TOURS)"/val_models/tour_* -o audit_output

bench:
	$(prepare)
	python -m benchmarks.run

build:
	$(prepare)

clean:
	rm -rf .venv .ws .venv-jazzy .ws-jazzy demo_output evaluation_output audit_output bench.json *.egg-info .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
