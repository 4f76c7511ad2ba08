"""A saved map is loaded into a node whose frame starts elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pytest
from support import toy_room
from support.harness import Robot

from seg3d_ros.msg import ErrorCode
from seg3d_ros.node.client import RequestFailed, Seg3dClient
from seg3d_ros.node.conversions import matrix_from_transform
from seg3d_ros.sensing.transforms import level_pose

ELSEWHERE = level_pose(math.radians(-75.0), (1.0, 2.0, 0.0))  # new map from the old one


def see(
    robot: Robot, client: Seg3dClient, views: list[np.ndarray], map_from_room: np.ndarray
) -> None:
    """Show views of the room to a robot whose map lies elsewhere, and segment."""
    before = robot.integrated("points")
    for view in views:
        robot.send_frame(map_from_room @ view, *toy_room.cast(view))
    robot.wait_integrated("points", before + len(views))
    for _ in range(2):
        client.segment_now()


def test_the_file_s_objects_come_to_their_new_places(start_node, make_robot, tmp_path) -> None:
    node = start_node(segmentation__period=3600.0)
    robot = make_robot(node.domain)
    robot.listen_to_diagnostics()
    path = str(tmp_path / "room.map")
    with Seg3dClient(timeout=60.0, context=robot.node.context) as client:
        see(robot, client, toy_room.views(6), np.eye(4))
        before = {one.instance.id: one.instance for one in client.query_objects()}
        client.save_map(path)
        client.clear_map()
        with pytest.raises(RequestFailed) as failure:
            client.load_map(path, relocalise=True)
        assert failure.value.code == ErrorCode.EMPTY_MAP

        see(robot, client, toy_room.views(5)[1:4], ELSEWHERE)
        answer = client.load_map(path, relocalise=True)
        moved = matrix_from_transform(answer.map_from_file)
        np.testing.assert_allclose(moved, ELSEWHERE, atol=0.04)
        after = {one.instance.id: one.instance for one in client.query_objects()}
        assert after.keys() == before.keys()
        for number, old in before.items():
            place = ELSEWHERE @ (old.centroid.x, old.centroid.y, old.centroid.z, 1.0)
            new = after[number].centroid
            assert np.linalg.norm(place[:3] - (new.x, new.y, new.z)) < 0.06

        plain = client.load_map(path)
        np.testing.assert_allclose(matrix_from_transform(plain.map_from_file), np.eye(4))


def test_a_place_that_is_not_in_the_file_is_refused(start_node, make_robot, tmp_path) -> None:
    node = start_node(segmentation__period=3600.0)
    robot = make_robot(node.domain)
    robot.listen_to_diagnostics()
    path = str(tmp_path / "room.map")
    with Seg3dClient(timeout=60.0, context=robot.node.context) as client:
        see(robot, client, toy_room.views(4), np.eye(4))
        client.save_map(path)
        client.clear_map()
        robot.show(toy_room.views(2), boxes=())
        client.segment_now()
        known = client.query_objects()
        with pytest.raises(RequestFailed, match="look around") as failure:
            client.load_map(path, relocalise=True)
        assert failure.value.code == ErrorCode.NOT_RECOGNISED
        assert [one.instance.id for one in client.query_objects()] == [
            one.instance.id for one in known
        ]
