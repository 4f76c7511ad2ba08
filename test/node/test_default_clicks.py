"""Default prompt segmenter: nothing was chosen and nothing downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from std_msgs.msg import Header
from support import toy_room

from seg3d_ros.node.conversions import cloud_from_msg, point_msg
from seg3d_ros.srv import SegmentAtPoints

BOX = toy_room.BOXES[0]


@pytest.mark.torch
def test_mini_clicks_answers(start_node: Any, make_robot: Any, tmp_path: Path) -> None:
    nowhere = {"SEG3D_WEIGHTS": str(tmp_path)}
    node = start_node(prompt__model="auto", segmentation__period=3600.0, env=nowhere)
    robot = make_robot(node.domain)
    robot.listen_to_diagnostics()
    robot.show(toy_room.views(6))
    on_top = np.array([*BOX.center[:2], BOX.high[2]])
    request = SegmentAtPoints.Request(header=Header(frame_id="map"), name="parcel")
    request.points = [point_msg(on_top)]
    answer = robot.call(SegmentAtPoints, "seg3d/segment_at_points", request)
    assert answer.success, answer.message
    assert answer.method == "mini_clicks" and answer.instance.label == "parcel"
    assert 0 <= answer.predicted_iou <= 1
    points = cloud_from_msg(answer.cloud).points
    assert len(points) == answer.instance.point_count
    assert np.linalg.norm(points - on_top, axis=1).min() < 0.03

    request.points.append(point_msg([BOX.low[0] - 0.15, BOX.center[1], 0.0]))  # on the floor
    request.foreground, request.refine_id = [True, False], answer.instance.id
    refined = robot.call(SegmentAtPoints, "seg3d/segment_at_points", request)
    assert refined.success and refined.instance.id == answer.instance.id
