"""Frames published → objects received, over real DDS between processes."""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import PointCloud2
from support import toy_room
from support.harness import wait_until
from visualization_msgs.msg import Marker, MarkerArray

from seg3d_ros.msg import InstanceArray
from seg3d_ros.msg import Vocabulary as VocabularyMsg
from seg3d_ros.node.conversions import cloud_from_msg
from seg3d_ros.node.qos import LATCHED, STREAM

TOLERANCE_M = 0.08  # the sides that no camera sees leave a box's center this uncertain


def matches(instances, box) -> list:
    """Instances whose box is centerd on a toy box."""
    return [
        item
        for item in instances
        if np.linalg.norm(position(item) - box.center) < TOLERANCE_M + 0.5 * min(box.high[2], 0.3)
    ]


def position(item) -> np.ndarray:
    point = item.pose.position
    return np.array([point.x, point.y, point.z])


def test_clouds_become_objects(start_node, make_robot) -> None:
    node = start_node(segmentation__period=0.3)
    robot = make_robot(node.domain)
    robot.listen_to_diagnostics()
    arrays = robot.listen(InstanceArray, "seg3d/instances")
    markers = robot.listen(MarkerArray, "seg3d/markers")
    clouds = robot.listen(PointCloud2, "seg3d/instance_cloud", STREAM)
    map_clouds = robot.listen(PointCloud2, "seg3d/map_cloud", STREAM)
    stamps = robot.show(toy_room.views(6))
    robot.trigger("seg3d/segment_now")
    assert robot.trigger("seg3d/segment_now").success

    wait_until(lambda: arrays and len(arrays[-1].instances) >= len(toy_room.BOXES), "the boxes")
    newest = arrays[-1]
    assert newest.header.frame_id == "map"
    assert newest.header.stamp.sec * 10**9 + newest.header.stamp.nanosec == stamps[-1]
    assert newest.model == "geometric"
    for box in toy_room.BOXES:
        found = matches(newest.instances, box)
        assert found, f"{box} is an object: {[position(i) for i in newest.instances]}"
        assert found[0].label == "object" and found[0].id > 0

    ids = {item.id for item in newest.instances}
    wait_until(lambda: marker_ids(markers) == ids, "a marker for each object")
    wait_until(lambda: clouds and clouds[-1].header.stamp == newest.header.stamp, "the cloud")
    fields = [field.name for field in clouds[-1].fields]
    assert fields == ["x", "y", "z", "rgb", "instance_id", "score"]
    rows = np.frombuffer(clouds[-1].data, np.uint32).reshape(-1, 6)
    assert set(rows[:, 4].tolist()) == ids | {0}
    wait_until(lambda: map_clouds, "the map cloud")
    assert len(cloud_from_msg(map_clouds[-1]).points) == len(rows)

    values = wait_until(lambda: robot.source_values("segmentation"), "diagnostics")
    assert int(values["map_voxels"]) > 1000
    assert float(values["integrate ms median"]) > 0
    assert values["model"] == "geometric"


def marker_ids(markers: list) -> set[int]:
    if not markers:
        return set()
    return {m.id for m in markers[-1].markers if m.ns == "boxes" and m.action == Marker.ADD}


def test_late_joiners_get_the_latched_outputs(start_node, make_robot) -> None:
    node = start_node(text__vocabulary=["chair", "sofa|couch"])
    robot = make_robot(node.domain)
    robot.listen_to_diagnostics()
    robot.show(toy_room.views(3))
    robot.trigger("seg3d/segment_now")
    robot.trigger("seg3d/segment_now")

    late = make_robot(node.domain)
    arrays = late.listen(InstanceArray, "seg3d/instances", LATCHED)
    markers = late.listen(MarkerArray, "seg3d/markers", LATCHED)
    vocabularies = late.listen(VocabularyMsg, "seg3d/vocabulary", LATCHED)
    clouds = late.listen(PointCloud2, "seg3d/instance_cloud", STREAM)
    wait_until(lambda: arrays and markers and vocabularies, "the latched outputs")
    assert list(vocabularies[-1].labels) == ["chair", "sofa|couch"]
    assert vocabularies[-1].version == arrays[-1].vocabulary_version == 1
    assert marker_ids(markers) == {item.id for item in arrays[-1].instances} != set()
    wait_until(lambda: clouds, "a cloud for the one who came late, without new input")


def test_two_cameras_and_two_clouds_share_one_map(start_node, make_robot) -> None:
    node = start_node(
        input__cameras=["left", "right"],
        input__point_cloud_topics=["a", "b"],
        segmentation__period=60.0,
    )
    robot = make_robot(node.domain)
    robot.listen_to_diagnostics()
    left, right, top, back = toy_room.views(4)
    robot.send_images("left", left, frame="left_optical_frame")
    robot.send_images("right", right, frame="right_optical_frame")
    robot.send_view(top, topic="a", frame="top")
    robot.send_view(back, topic="b", frame="back")
    for source in ("left", "right", "a", "b"):
        robot.wait_integrated(source, 1)
    assert robot.trigger("seg3d/segment_now").success
