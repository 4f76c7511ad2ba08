# Everything sets itself up: the first call takes minutes, later ones start in seconds.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.SILENT:
.PHONY: help demo test lint format bench build clean

RECORDING ?= data/demo_room
MODEL ?= mini
OUTPUT ?= demo_output
PYTEST_ARGS ?=

prepare := tools/setup_environment.sh && source tools/env.sh

help:
	echo "make demo    run the node on a recording: RECORDING=$(RECORDING) MODEL=$(MODEL) OUTPUT=$(OUTPUT)"
	echo "make test    run the tests: PYTEST_ARGS='-k cloud'"
	echo "make lint    check style and types; make format: apply the style"
	echo "make bench   measure, print a table, write bench.json"
	echo "make build   only prepare; then: source tools/env.sh"
	echo "make clean   remove everything that is not in git"

demo:
	$(prepare)
	python -m seg3d_ros.node.demo --recording "$(RECORDING)" --model "$(MODEL)" --output "$(OUTPUT)"

test:
	$(prepare)
	pytest -q $(PYTEST_ARGS)

lint:
	$(prepare)
	ruff check .
	ruff format --check .
	mypy

format:
	$(prepare)
	ruff check --fix .
	ruff format .

bench:
	$(prepare)
	python -m benchmarks.run

build:
	$(prepare)

clean:
	rm -rf .venv .ws demo_output bench.json *.egg-info .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
