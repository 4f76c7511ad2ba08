"""Every test here needs a ROS 2; each gets a node process and a robot in a DDS domain of its own."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

NO_ROS = "rclpy or the package's messages are not there: run `make test`, or source a ROS 2"
HAS_ROS = bool(importlib.util.find_spec("rclpy") and importlib.util.find_spec("seg3d_ros.msg"))

collect_ignore_glob = [] if HAS_ROS else ["test_*.py"]


@pytest.fixture
def start_node(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Start nodes with given parameters; the fixture stops them and shows the log of a failure."""
    from support.harness import NodeProcess

    started: list[NodeProcess] = []

    def start(*, wait_for: str = "active", **options: Any) -> NodeProcess:
        started.append(NodeProcess(tmp_path, **options))
        started[-1].wait_for(wait_for)
        return started[-1]

    yield start
    for node in started:
        print(node.output)
        assert node.stop() == 0, "the node must end cleanly"
        assert "Traceback" not in node.output


@pytest.fixture
def make_robot() -> Iterator[Callable[[int], Any]]:
    """Make robots in given domains; the fixture shuts them down."""
    from support.harness import Robot

    made: list[Robot] = []

    def make(domain: int) -> Robot:
        made.append(Robot(domain))
        return made[-1]

    yield make
    for robot in made:
        robot.close()
