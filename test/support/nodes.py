"""Fixtures of nodes and robots, each pair in a DDS domain of its own."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def start_node(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Start nodes with given parameters; the fixture stops them and shows the log of a failure."""
    with _nodes(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def start_shared_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """As `start_node`, for a node that all tests of a file talk to."""
    with _nodes(tmp_path_factory.mktemp("node")) as start:
        yield start


@pytest.fixture
def make_robot() -> Iterator[Callable[[int], Any]]:
    """Make robots in given domains; the fixture shuts them down."""
    with _robots() as make:
        yield make


@pytest.fixture(scope="module")
def make_shared_robot() -> Iterator[Callable[[int], Any]]:
    """As `make_robot`, for a robot that all tests of a file share."""
    with _robots() as make:
        yield make


@pytest.fixture(scope="module")
def robot_in_room(
    start_shared_node: Callable[..., Any], make_shared_robot: Callable[[int], Any]
) -> Any:
    """A robot whose node has seen the toy room, and segments only when it is asked to."""
    from support import toy_room
    from support.harness import TOOL

    robot = make_shared_robot(start_shared_node(segmentation__period=3600.0).domain)
    robot.listen_to_diagnostics()
    robot.send_static_pose(TOOL, "tool")
    robot.show(toy_room.views(6))
    for _ in range(2):  # an object is known when it was found twice
        assert robot.trigger("seg3d/segment_now").success
    return robot


@contextmanager
def _nodes(folder: Path) -> Iterator[Callable[..., Any]]:
    from support.harness import NodeProcess

    started: list[NodeProcess] = []

    def start(*, wait_for: str = "]: active", **options: Any) -> NodeProcess:
        started.append(NodeProcess(folder, **options))
        started[-1].wait_for(wait_for)
        return started[-1]

    yield start
    for node in started:
        print(node.output)  # noqa: T201 - pytest shows it when the test fails
        assert node.stop() in (0, -signal.SIGKILL), "the node must end cleanly"
        assert "Traceback" not in node.output


@contextmanager
def _robots() -> Iterator[Callable[[int], Any]]:
    from support.harness import Robot

    made: list[Robot] = []

    def make(domain: int) -> Robot:
        made.append(Robot(domain))
        return made[-1]

    yield make
    for robot in made:
        robot.close()
