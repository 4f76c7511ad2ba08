"""The demo as a user starts it: files, table, exit codes, and no process left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import toy_room
from support.harness import wait_until
from support.toy_recording import write_toy_recording

from seg3d_ros.pictures.results import FILES

FRAMES = 6
pytestmark = pytest.mark.ros


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_recording(tmp_path_factory.mktemp("recordings") / "toy", frames=FRAMES)


@pytest.fixture
def demo(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Start demos whose output goes to `tmp_path`/out; those that still run are killed."""
    monkeypatch.delenv("ROS_DOMAIN_ID", raising=False)
    monkeypatch.delenv("FASTDDS_DEFAULT_PROFILES_FILE", raising=False)
    started: list[subprocess.Popen[str]] = []

    def start(*options: str, recording: Path = folder) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "seg3d_ros.demo", "--recording", str(recording)]
        command += ["--output", str(tmp_path / "out"), "--model", "geometric", *options]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def children(pid: int) -> list[int]:
    """Processes whose parent is `pid`."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue  # it has just ended
        if f"\nPPid:\t{pid}\n" in text:
            found.append(int(status.parent.name))
    return found


def is_running(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@pytest.mark.parametrize("kind", ["images", "clouds"])
def test_the_boxes_are_found_and_no_frame_is_lost(demo, tmp_path, kind) -> None:
    process = demo("--as", kind)
    printed, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    output = tmp_path / "out"
    assert {path.name for path in output.iterdir()} == {
        *FILES, "object_pictures", "node.log", "player.log",
    }  # fmt: skip

    objects = json.loads((output / "objects.json").read_text())["objects"]
    centers = np.array([item["box"]["center"] for item in objects])
    for box in toy_room.BOXES:
        assert (np.linalg.norm(centers - box.center, axis=1) < 0.1).sum() == 1
    assert any(item["pictures"] for item in objects)
    for item in objects:
        assert re.search(rf"^ +{item['id']} +object ", printed, re.MULTILINE)

    frames = json.loads((output / "timings.json").read_text())["frames"]
    assert frames["sent"] == frames["received"] == frames["integrated"] == FRAMES, frames
    assert frames["dropped"] == {}


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_no_process_outlives_the_demo(demo, how, code) -> None:
    process = demo()
    wait_until(lambda: len(children(process.pid)) == 2, "node and player", deadline_s=120.0)
    started = children(process.pid)
    os.kill(process.pid, how)
    assert process.wait(timeout=30) == code
    wait_until(lambda: not any(map(is_running, started)), "the end of the children")


def test_bad_input_is_one_line(demo, tmp_path) -> None:
    for process in (demo(recording=tmp_path), demo("--model", "magic")):
        printed, errors = process.communicate(timeout=60)
        assert process.returncode == 2
        assert printed == "" and len(errors.splitlines()) == 1


def test_a_node_that_dies_ends_the_demo(demo) -> None:
    process = demo()
    (node,) = wait_until(lambda: children(process.pid), "the node")
    os.kill(node, signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "the node ended with exit code -9" in errors and "node.log" in errors
