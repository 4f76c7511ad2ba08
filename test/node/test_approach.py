"""Stand-off poses, asked of a node in another process."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from support import toy_room
from support.harness import TOOL, Robot

from seg3d_ros.msg import ErrorCode
from seg3d_ros.node.client import RequestFailed, Seg3dClient

CRATE = toy_room.BOXES[0]
ROBOT = {"robot_radius": 0.15, "max_distance": 1.2}


@pytest.fixture
def client(robot_in_room: Robot) -> Any:
    with Seg3dClient(timeout=30.0, context=robot_in_room.node.context) as client:
        yield client


@pytest.fixture
def crate(client: Seg3dClient) -> int:
    found = client.query_objects(near=CRATE.center, radius=0.01)
    return int(max(found, key=lambda one: one.instance.point_count).instance.id)


def test_poses_stand_on_free_floor_and_face_the_object(client: Seg3dClient, crate: int) -> None:
    answer = client.get_approach(crate, **ROBOT, max_results=3)
    assert answer.header.frame_id == "map" and 1 <= len(answer.poses) <= 3
    rows = zip(answer.poses, answer.distances, answer.clearances, answer.path_lengths, strict=True)
    for pose, distance, clearance, path in rows:
        place = np.array([pose.position.x, pose.position.y])
        assert abs(pose.position.z) < 0.08
        for box in toy_room.BOXES:
            gap = np.maximum(np.maximum(box.low[:2] - place, place - box.high[:2]), 0)
            assert np.linalg.norm(gap) >= 0.15 - 0.05
        yaw = 2 * math.atan2(pose.orientation.z, pose.orientation.w)
        dx, dy = CRATE.center[:2] - place
        assert abs(math.remainder(yaw - math.atan2(dy, dx), 2 * math.pi)) < 0.25
        assert distance <= 1.2 and clearance >= 0.15
        assert path > 0.2  # from the camera at x = -0.9
    assert len(answer.scores) == len(answer.visible) == len(answer.poses)
    assert min(answer.visible) > 0.05


def test_a_start_in_another_frame(client: Seg3dClient, crate: int) -> None:
    here = client.get_approach(crate, **ROBOT, start=(0.3, -0.6, 0.0), frame_id="map")
    in_tool = (np.linalg.inv(TOOL) @ (0.3, -0.6, 0.0, 1.0))[:3]
    there = client.get_approach(crate, **ROBOT, start=in_tool, frame_id="tool")
    assert here.path_lengths == pytest.approx(there.path_lengths, abs=1e-3)
    assert there.poses == here.poses


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"robot_radius": -1.0}, ErrorCode.INVALID_ARGUMENT),
        ({"min_distance": 3.0}, ErrorCode.INVALID_ARGUMENT),
        ({"start": (9.0, 9.0, 0.0), "frame_id": "map"}, ErrorCode.NO_APPROACH),
        ({"robot_radius": 2.5, "max_distance": 3.0}, ErrorCode.NO_APPROACH),
        ({"frame_id": "nowhere"}, ErrorCode.UNKNOWN_FRAME),
    ],
)
def test_requests_that_are_refused(
    client: Seg3dClient, crate: int, fields: dict[str, Any], code: int
) -> None:
    with pytest.raises(RequestFailed) as failure:
        client.get_approach(crate, **fields)
    assert failure.value.code == code, failure.value
    with pytest.raises(RequestFailed) as failure:
        client.get_approach(4_000_000)
    assert failure.value.code == ErrorCode.UNKNOWN_ID
