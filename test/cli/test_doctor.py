"""`seg3d doctor --recording`: a bag's page, its exit code, and ROS that is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support import bags
from support.evidence import COLOR, DEPTH, INFO, camera_topics

from seg3d_ros.cli import main

WITHOUT_ROS = (
    "import sys; sys.modules['rclpy'] = None; from seg3d_ros.cli import main;"
    "sys.exit(main(['doctor']))"
)


def write_bag(path: Path, **replaced: object) -> Path:
    events = [
        (t, topic, make(t))
        for topic, make in camera_topics(**replaced).items()
        for t in (bags.START_S + 0.1 * n for n in range(12))
    ]
    return bags.write(path, events)


def test_a_good_bag(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--recording", str(write_bag(tmp_path / "good"))]) == 0
    page = capsys.readouterr().out
    assert "No trouble found." in page and "frames camera < base_link < map" in page
    for topic in (DEPTH, COLOR, INFO):
        assert any(line.split()[:3:2] == [topic, "10.0"] for line in page.splitlines()), page


def test_a_bag_with_a_fault_gives_the_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = write_bag(tmp_path / "bad", **{DEPTH: lambda t: bags.depth(t, 2)})
    assert main(["doctor", "--recording", str(bag), "--fixed-frame", "map"]) == 1
    assert "these look like metres" in " ".join(capsys.readouterr().out.split())


def test_bad_arguments_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bag = str(write_bag(tmp_path / "bag"))
    assert main(["doctor", "--recording", bag, "--topic", "/x"]) == 2
    assert f"'/x' is no cloud or depth camera; there are: {DEPTH}" in capsys.readouterr().err
    assert main(["doctor", "--recording", str(tmp_path / "nothing")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_without_ros_one_sentence_says_so() -> None:
    run = subprocess.run([sys.executable, "-c", WITHOUT_ROS], capture_output=True, text=True)
    assert run.returncode == 2
    assert run.stderr.startswith("seg3d: no ROS 2 is here") and "--recording" in run.stderr
    assert len(run.stderr.splitlines()) == 1
