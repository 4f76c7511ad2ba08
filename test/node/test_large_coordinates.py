"""A fixed frame in MGRS coordinates: the map, clicks, queries, clouds and files of a far room."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import PointStamped
from std_msgs.msg import Header
from support import toy_room
from support.harness import Robot, cloud_of, wait_until
from visualization_msgs.msg import MarkerArray

from seg3d_ros.node.conversions import cloud_from_msg, point_msg
from seg3d_ros.srv import GetObjectCloud, MapFile, QueryObjects, SegmentAtPoints

SHIFT = np.array([89_571.15, 42_301.18, -3.0])  # mgrs_from_map
FLOAT32_STEP_M = 0.008  # there
BOX = toy_room.BOXES[0]
TOP = np.array([*BOX.center[:2], BOX.high[2]])


@pytest.fixture(scope="module")
def robot(start_shared_node: Any, make_shared_robot: Any) -> Robot:
    """Has shown the toy room, whose frame "map" lies far from zero of the fixed frame "mgrs"."""
    node = start_shared_node(segmentation__period=3600.0, node__fixed_frame="mgrs")
    robot = make_shared_robot(node.domain)
    robot.listen_to_diagnostics()
    mgrs_from_map = np.eye(4)
    mgrs_from_map[:3, 3] = SHIFT
    robot.send_static_pose(mgrs_from_map, "map", parent="mgrs")
    robot.show(toy_room.views(6))
    for _ in range(2):
        assert robot.trigger("seg3d/segment_now").success
    return robot


def click(robot: Robot, point: Any, frame: str) -> SegmentAtPoints.Response:
    request = SegmentAtPoints.Request(header=Header(frame_id=frame), points=[point_msg(point)])
    answer = robot.call(SegmentAtPoints, "seg3d/segment_at_points", request)
    assert answer.success, answer.message
    return answer


def query(robot: Robot, near: Any, frame: str) -> list[Any]:
    request = QueryObjects.Request(radius=0.05)
    request.near = PointStamped(header=Header(frame_id=frame), point=point_msg(near))
    answer = robot.call(QueryObjects, "seg3d/query_objects", request)
    assert answer.success and answer.header.frame_id == "mgrs"
    return list(answer.instances)


def assert_is_the_box(item: Any) -> None:
    center = np.array([item.pose.position.x, item.pose.position.y, item.pose.position.z]) - SHIFT
    assert np.linalg.norm(center - BOX.center) < 0.1


def test_clicks_give_the_object_in_the_fixed_frame(robot: Robot) -> None:
    for point, frame in ((TOP, "map"), (TOP + SHIFT, "mgrs"), (TOP + SHIFT, "")):
        answer = click(robot, point, frame)
        assert_is_the_box(answer.instance)
        points = cloud_from_msg(answer.cloud).points - SHIFT
        assert (points >= np.array(BOX.low) - 0.06 - FLOAT32_STEP_M).all()
        assert (points <= np.array(BOX.high) + 0.06 + FLOAT32_STEP_M).all()


def test_queries_and_object_clouds_are_in_the_fixed_frame(robot: Robot) -> None:
    click(robot, TOP, "map")
    found = query(robot, TOP + SHIFT, "mgrs")
    assert [item.id for item in query(robot, TOP, "map")] == [item.id for item in found]
    assert_is_the_box(found[0])
    request = GetObjectCloud.Request(id=found[0].id)
    cloud = robot.call(GetObjectCloud, "seg3d/get_object_cloud", request).cloud
    points = cloud_from_msg(cloud).points - SHIFT
    assert np.linalg.norm(np.median(points, axis=0)[:2] - BOX.center[:2]) < 0.3


def test_map_cloud_and_markers_are_in_the_fixed_frame(robot: Robot) -> None:
    points = robot.map_points() - SHIFT
    low, high = np.array(toy_room.FLOOR.low), np.array(toy_room.WALL.high)
    assert (points > low - 0.05).all() and (points < [*high[:2] + 1, 2.55]).all()
    click(robot, TOP, "map")
    arrays = robot.listen(MarkerArray, "seg3d/markers")

    def near_the_box() -> bool:
        positions = [marker.pose.position for marker in arrays[-1].markers] if arrays else []
        return any(math.dist((p.x, p.y), BOX.center[:2] + SHIFT[:2]) < 0.1 for p in positions)

    wait_until(near_the_box, "a marker of the box")


def test_a_saved_map_comes_back_to_its_place(robot: Robot, tmp_path: Path) -> None:
    made = click(robot, TOP, "map").instance
    path = str(tmp_path / "far.npz")
    assert robot.call(MapFile, "seg3d/save_map", MapFile.Request(path=path)).success
    assert robot.trigger("seg3d/clear_map").success
    assert robot.call(MapFile, "seg3d/load_map", MapFile.Request(path=path)).success
    assert made.pose in [item.pose for item in query(robot, TOP, "map")]


def test_frames_out_of_reach_of_the_map_say_so(start_node: Any, make_robot: Any) -> None:
    node = start_node(segmentation__period=3600.0)
    robot = make_robot(node.domain)
    robot.listen_to_diagnostics()
    robot.show(toy_room.views(1))
    far = np.eye(4)
    far[:3, 3] = SHIFT
    robot.send_static_pose(far, "far")
    depth, color = toy_room.cast(toy_room.views(1)[0])
    stamp = robot.now_ns()
    robot.send_pose(toy_room.views(1)[0], "lost", stamp, parent="far")
    robot.send_cloud("points", "lost", stamp, cloud_of(depth, color))
    node.wait_for("positions are 90 km from the origin of the map; at most 20.97 km")
    wait_until(
        lambda: int(robot.source_values("input points").get("dropped: beyond the map", 0)) == 1,
        "the count of the drop",
    )
