"""Trainings as people start them: `seg3d train`, torchrun."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from support.toy_dataset import write_dataset

from seg3d_ros.cli import main

pytest.importorskip("hydra", reason="training needs Hydra: pip install .[train]")
tensorboard = pytest.importorskip("tensorboard", reason="training needs tensorboard")

TEST = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("toy")
    write_dataset(root, rooms=4, points=100)
    return write_dataset(root, rooms=3, split="val", points=100)


def toy(root: Path, folder: Path, *more: str) -> list[str]:
    return [
        f"paths.data_dir={root}", f"paths.output_dir={folder}", "device=cpu",
        "data.label_set=names", "data.voxel_size=null", "train.precision=32", "train.epochs=2",
        "train.num_workers=0", "train.log_every=1",
        "~model", "+model._target_=support.toy_network.ToyNetwork",
        "~loss", "+loss._target_=support.toy_network.ToyObjective", *more,
    ]  # fmt: skip


def scalars(folder: Path) -> dict[str, list[int]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder)).Reload()
    return {tag: [e.step for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_a_network_is_trained_validated_and_resumed(root, tmp_path):
    assert main(["train", *toy(root, tmp_path, "train.epochs=1")]) == 0
    assert torch.load(tmp_path / "checkpoint.pt")["step"] == 2
    assert main(["train", *toy(root, tmp_path)]) == 0
    state = torch.load(tmp_path / "checkpoint.pt")
    assert state["step"] == 4
    assert "epochs: 2" in state["recipe"]
    written = scalars(tmp_path)
    assert written["train/total"] == written["train/rate"] == [1, 2, 3, 4]
    assert written["val/total"] == [2, 4]


def test_two_processes_equal_one_with_the_double_batch(root, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torchrun = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    paths = {"PYTHONPATH": f"{TEST.parent}:{TEST}", "OMP_NUM_THREADS": "1"}
    command = [
        sys.executable, "-m", "seg3d_ros.cli", "train",
        *toy(root, tmp_path / "two", "train.batch_size=1"),
    ]  # fmt: skip
    ranks = [{"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in (0, 1)]
    both = [
        subprocess.Popen(command, env={**os.environ, **torchrun, **paths, **rank})
        for rank in ranks
    ]
    try:
        assert [process.wait(timeout=240) for process in both] == [0, 0]
    finally:
        for process in both:
            process.kill()
    assert main(["train", *toy(root, tmp_path / "one", "train.batch_size=2")]) == 0
    one, two = (torch.load(tmp_path / name / "checkpoint.pt") for name in ("one", "two"))
    assert one["step"] == two["step"] == 4
    for name, value in one["task"].items():
        torch.testing.assert_close(two["task"][name], value, rtol=1e-4, atol=1e-5)
    assert scalars(tmp_path / "two") == scalars(tmp_path / "one")


def test_training_starts_from_given_weights(root, tmp_path):
    assert main(["train", *toy(root, tmp_path / "first")]) == 0
    path = tmp_path / "first" / "checkpoint.pt"
    more = f"paths.ckpt_path={path}", "train.lr=0", "train.max_steps=1"
    assert main(["train", *toy(root, tmp_path / "second", *more)]) == 0
    first, second = (torch.load(tmp_path / name / "checkpoint.pt") for name in ("first", "second"))
    assert second["step"] == 1
    for name, value in first["task"].items():
        assert torch.equal(second["task"][name], value)


@pytest.mark.parametrize(("override", "message"), [
    ("train.lrr=1", "no key 'train.lrr'; did you mean train.lr"),
    ("paths.data_dir=nowhere", "nowhere/names.txt is missing"),
    ("data.train_split=test", "holds train, val"),
    ("train.precision=8", "precision '8'; give one of 32, 16-mixed, bf16-mixed"),
    ("loss.colour=red", "no key 'loss.colour'"),
    ("+loss.colour=red", "cannot build support.toy_network.ToyObjective"),
    ("train.resume=lost.pt", "no checkpoint lost.pt"),
    ("paths.ckpt_path=lost.pt", "lost.pt"),
])  # fmt: skip
def test_errors_are_one_line(root, tmp_path, capsys, override, message):
    assert main(["train", *toy(root, tmp_path, override)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_the_viewer_is_opened_when_it_is_asked_for(root, tmp_path, capsys):
    pytest.importorskip("viser", reason="the viewer needs viser")
    assert main(["train", *toy(root, tmp_path, "viz.enabled=true", "viz.port=0")]) == 0
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = f"viz.port={other.getsockname()[1]}"
        again = toy(root, tmp_path, "train.epochs=3", "viz.enabled=true", port)
        assert main(["train", *again]) == 2
    assert "is taken" in capsys.readouterr().err


def test_the_configuration_can_be_looked_at(capsys):
    assert main(["train", "--show", "--config-name", "mini", "seed=7"]) == 0
    shown = capsys.readouterr().out
    assert "seg3d_ros.networks.mini.Mini" in shown
    assert "seed: 7" in shown
