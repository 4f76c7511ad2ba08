"""A segmentation that takes forever delays nothing but itself."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from std_srvs.srv import Trigger
from support import slow_node, toy_room
from support.harness import NodeProcess, Robot, wait_until

from seg3d_ros.engine.job_queue import MAX_WAITING
from seg3d_ros.msg import ErrorCode, InstanceArray
from seg3d_ros.node.conversions import point_msg
from seg3d_ros.srv import QueryObjects, SegmentAtPoints

VIEWS = toy_room.views(3)


class Gate:
    """While it is shut, the segmenter does not come back."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.open()

    def open(self) -> None:
        self.path.touch()

    def shut(self) -> None:
        self.path.unlink()


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "gate")


@pytest.fixture
def stuck(
    start_node: Callable[..., NodeProcess], make_robot: Callable[[int], Robot], gate: Gate
) -> tuple[NodeProcess, Robot]:
    """A node in the middle of a segmentation, and its robot."""
    node = start_node(
        program=(slow_node.__file__,),
        env={slow_node.GATE: str(gate.path)},
        segmentation__model="gated",
        segmentation__period=0.1,
        tracking__confirm_views=1,
    )
    gate.shut()
    robot = make_robot(node.domain)
    robot.listen_to_diagnostics()
    robot.show(VIEWS[:1])  # this one is segmented
    robot.show(VIEWS[:1])  # this one waits for its turn
    wait_until(lambda: number(robot, "segmentations_skipped") > 0, "a tick that finds it busy")
    return node, robot


def number(robot: Robot, key: str) -> int:
    return int(robot.source_values("segmentation").get(key, 0))


def ask_for_segmentation(robot: Robot) -> Any:
    return robot.ask(Trigger, "seg3d/segment_now", Trigger.Request())


def test_frames_and_requests_do_not_wait_for_it(
    stuck: tuple[NodeProcess, Robot], gate: Gate
) -> None:
    _, robot = stuck
    arrays = robot.listen(InstanceArray, "seg3d/instances")
    skipped = number(robot, "segmentations_skipped")
    robot.show(VIEWS * 10)
    values = robot.source_values("input points")
    assert values["integrated"] == values["received"] == "32"
    assert not any(key.startswith("dropped") for key in values), values

    waiting: list[Any] = []

    def refused() -> list[Any]:
        waiting.append(ask_for_segmentation(robot))
        return [future.result() for future in waiting if future.done()]

    answers = wait_until(refused, "one request too many")
    assert len(waiting) > MAX_WAITING and "ask again later" in answers[0].message
    assert robot.call(QueryObjects, "seg3d/query_objects", QueryObjects.Request()).success
    click = SegmentAtPoints.Request(points=[point_msg(toy_room.BOXES[0].center)])
    answer = robot.call(SegmentAtPoints, "seg3d/segment_at_points", click)
    assert answer.code in (ErrorCode.NONE, ErrorCode.NOTHING_THERE)
    assert number(robot, "segmentations") == 0
    assert number(robot, "segmentations_skipped") > skipped

    gate.open()
    wait_until(lambda: all(future.done() for future in waiting), "the answers")
    assert sum(future.result().success for future in waiting) == MAX_WAITING
    wait_until(lambda: arrays and len(arrays[-1].instances) >= 1, "what was found")


def test_requests_that_wait_at_cleanup_are_answered(
    stuck: tuple[NodeProcess, Robot], gate: Gate
) -> None:
    node, robot = stuck
    waiting = [ask_for_segmentation(robot) for _ in range(5)]
    request = ChangeState.Request()
    for transition in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP):
        request.transition.id = transition
        assert robot.call(ChangeState, "seg3d/change_state", request).success
    # The first one may be at work; it is answered when its segmentation ends.
    wait_until(lambda: sum(future.done() for future in waiting) >= 4, "the answers")
    gate.open()
    wait_until(lambda: all(future.done() for future in waiting), "the last answer")
    refused = [future.result().message for future in waiting if not future.result().success]
    assert len(refused) >= 4 and all("activate" in message for message in refused)
    assert "a callback failed" not in node.output


def test_a_result_from_before_the_map_was_cleared_is_thrown_away(
    stuck: tuple[NodeProcess, Robot], gate: Gate
) -> None:
    _, robot = stuck
    assert robot.trigger("seg3d/clear_map").success
    gate.open()
    runs = number(robot, "segmentations")
    wait_until(lambda: number(robot, "segmentations") > runs, "the end of the segmentation")
    answer = robot.call(QueryObjects, "seg3d/query_objects", QueryObjects.Request())
    assert answer.success and answer.instances == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_node_in_mid_segmentation_can_be_ended(
    stuck: tuple[NodeProcess, Robot], how: int
) -> None:
    node, robot = stuck
    ask_for_segmentation(robot)
    assert node.stop(how) == 0


def test_a_node_whose_gpu_is_lost_ends_with_an_error(
    make_robot: Callable[[int], Robot], gate: Gate, tmp_path: Path
) -> None:
    """By itself it would fail at every tick; a supervisor can start it again."""
    environment = {slow_node.GATE: str(gate.path)}
    node = NodeProcess(
        tmp_path, program=(slow_node.__file__,), env=environment, segmentation__model="gated"
    )
    try:
        node.wait_for("]: active")
        gate.path.write_text(slow_node.LOST)
        robot = make_robot(node.domain)
        robot.send_view(VIEWS[0])
        wait_until(lambda: node.process.poll() is not None, "the end of the node")
    finally:
        code = node.stop()
    assert code == 1
    assert "the node ends: cuda:0 takes no more work" in node.output
    assert "Traceback" not in node.output
