"""Keyframes of xmask3d are looked at one by one, where nothing more urgent waits."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
from sensor_msgs.msg import PointCloud2
from support import slow_node, toy_room, viewing_node
from support.harness import STREAM, wait_until

from seg3d_ros.msg import ErrorCode
from seg3d_ros.node.conversions import point_msg
from seg3d_ros.srv import QueryObjects, SegmentAtPoints


def test_keyframes_wait_while_requests_are_answered(start_node, make_robot, tmp_path: Path):
    gate = tmp_path / "gate"
    modules = os.pathsep.join([str(Path(viewing_node.__file__).parents[1]), *sys.path])
    node = start_node(
        program=(viewing_node.__file__,),
        env={slow_node.GATE: str(gate), "PYTHONPATH": modules},
        segmentation__model="gated views",
        segmentation__period=0.1,
        map__voxel_size=0.04,
        prompt__model="geometric",
    )
    robot = make_robot(node.domain)
    robot.listen_to_diagnostics()
    clouds = robot.listen(PointCloud2, "seg3d/semantic_cloud", STREAM)
    robot.show(toy_room.views(3))

    def waiting() -> int:
        return int(robot.source_values("segmentation").get("keyframes_waiting", 0))

    wait_until(lambda: waiting() > 0, "a backlog, told in the diagnostics")
    assert robot.call(QueryObjects, "seg3d/query_objects", QueryObjects.Request()).success
    click = SegmentAtPoints.Request(points=[point_msg(toy_room.BOXES[0].center)])
    answer = robot.call(SegmentAtPoints, "seg3d/segment_at_points", click)
    assert answer.code in (ErrorCode.NONE, ErrorCode.NOTHING_THERE)
    assert waiting() > 0

    gate.touch()
    wait_until(lambda: waiting() == 0, "the last keyframe, without a further frame")
    wait_until(lambda: clouds, "labelled points")
    kinds = [("xyz", "<f4", 3), ("rgb", "<u4"), ("class_id", "<u4")]
    rows = np.frombuffer(bytes(clouds[-1].data), kinds)
    assert len(rows) > 1000 and (rows["class_id"] > 0).all()
