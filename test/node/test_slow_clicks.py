"""Clicks that wait for their turn, and those that a GPU does not survive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from geometry_msgs.msg import PointStamped
from support import slow_node, toy_room
from support.harness import TOOL, NodeProcess, Robot, wait_until

from seg3d_ros.msg import ErrorCode
from seg3d_ros.node.conversions import cloud_from_msg, header_msg, point_msg
from seg3d_ros.srv import QueryObjects, SegmentAtPoints

BOX = toy_room.BOXES[2]
TOP = np.array([*BOX.center[:2], BOX.high[2]])
SECOND = 1_000_000_000


def options(gate: Path) -> dict[str, Any]:
    gate.touch()
    return {
        "program": (slow_node.__file__,),
        "env": {slow_node.GATE: str(gate)},
        "prompt__model": "gated",
        "segmentation__period": 3600.0,
    }


def ask_for_top(robot: Robot, frame: str, stamp_ns: int) -> Any:
    """Click on the box, in the map or in a frame that was at TOOL at that time."""
    point = TOP if frame == "map" else (np.linalg.inv(TOOL) @ [*TOP, 1.0])[:3]
    request = SegmentAtPoints.Request(
        header=header_msg(frame, stamp_ns), points=[point_msg(point)]
    )
    return robot.ask(SegmentAtPoints, "seg3d/segment_at_points", request)


def query_near(robot: Robot, frame: str, stamp_ns: int) -> QueryObjects.Response:
    near = PointStamped(header=header_msg(frame, stamp_ns))
    request = QueryObjects.Request(near=near, radius=1.0)
    return robot.call(QueryObjects, "seg3d/query_objects", request)


def test_a_click_that_waits_is_where_the_frame_was_when_it_came(
    start_node: Callable[..., NodeProcess], make_robot: Callable[[int], Robot], tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    robot = make_robot(start_node(**options(gate)).domain)
    robot.listen_to_diagnostics()
    robot.show(toy_room.views(3))
    stamp = robot.now_ns()
    robot.send_pose(TOOL, "wrist", stamp)
    wait_until(lambda: query_near(robot, "wrist", stamp).success, "the pose of the wrist")
    known = ask_for_top(robot, "map", stamp)  # from now on requests of this client come in at once
    wait_until(known.done, "an answer")

    gate.unlink()
    first = ask_for_top(robot, "map", stamp)
    second = ask_for_top(robot, "wrist", stamp)
    for _ in range(2):  # answered after the clicks have come
        assert query_near(robot, "map", stamp).success
    for seconds in (9, 18, 27):
        robot.send_pose(np.eye(4), "wrist", stamp + seconds * SECOND)

    def is_forgotten() -> bool:
        return query_near(robot, "wrist", stamp).code == ErrorCode.UNKNOWN_FRAME

    wait_until(is_forgotten, "later poses of the wrist")
    assert not first.done() and not second.done()
    gate.touch()
    wait_until(second.done, "the answer")
    answer = second.result()
    assert answer.success, answer.message
    assert np.abs(cloud_from_msg(answer.cloud).points - TOP).max() < 0.11


def test_a_node_whose_gpu_is_lost_in_a_click_answers_and_ends_with_an_error(
    make_robot: Callable[[int], Robot], tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    node = NodeProcess(tmp_path, **options(gate))
    try:
        node.wait_for("]: active")
        robot = make_robot(node.domain)
        robot.listen_to_diagnostics()
        robot.show(toy_room.views(1))
        gate.write_text(slow_node.LOST)
        future = ask_for_top(robot, "map", 0)
        wait_until(future.done, "the answer")
        wait_until(lambda: node.process.poll() is not None, "the end of the node")
    finally:
        code = node.stop()
    assert future.result().code == ErrorCode.INTERNAL
    assert "cuda:0 takes no more work" in future.result().message
    assert code == 1
    assert "the node ends: cuda:0 takes no more work" in node.output
    assert "Traceback" not in node.output
