"""A storm of messages that are wrong in every way, with good ones in between."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from support import malformed, toy_room
from support.harness import Robot

from seg3d_ros.node.conversions import header_msg
from seg3d_ros.srv import QueryObjects, SegmentAtPoints, SetVocabulary

GOOD = toy_room.views(4) * 2
PAUSE_S = 0.01  # between messages: the storm must arrive, not be lost on the way
CAMERA_TOPICS = {"front/color": Image, "front/depth": Image, "front/camera_info": CameraInfo}


@pytest.fixture
def robot(start_node, make_robot) -> Robot:
    node = start_node(input__cameras=["front"], input__tf_timeout=0.2, segmentation__period=0.5)
    robot = make_robot(node.domain)
    robot.listen_to_diagnostics()
    for topic, kind in {"points": PointCloud2, **CAMERA_TOPICS}.items():
        robot.publisher(kind, topic)
    for topic in ("/tf", "points", *CAMERA_TOPICS):
        robot.introduce(topic)
    return robot


def send_images(robot: Robot, messages: tuple[Any, ...], stamp_ns: int) -> None:
    for topic, message in zip(CAMERA_TOPICS, messages, strict=True):
        message.header = header_msg("camera", stamp_ns)
        robot.introduce(topic).publish(message)


def storm(robot: Robot) -> None:
    """All malformed messages between one good view of the room and the next."""
    for pose in GOOD[:-1]:
        stamp = robot.show([pose])[0]
        for cloud in malformed.clouds():
            robot.send_cloud("points", "camera", stamp, cloud)
            time.sleep(PAUSE_S)
        for messages in malformed.images():
            send_images(robot, messages, stamp)
            time.sleep(PAUSE_S)
        for message in malformed.transforms(stamp):
            robot.introduce("/tf").publish(message)
        for request in malformed.vocabularies():
            answer = robot.call(SetVocabulary, "seg3d/set_vocabulary", request)
            assert not answer.success and answer.message
    robot.show(GOOD[-1:])


@pytest.mark.slow
def test_the_node_survives_a_storm(robot: Robot) -> None:
    storm(robot)
    robot.settled("input points", "received")
    points = robot.source_values("input points")
    assert int(points["integrated"]) == len(GOOD), "each good frame is in the map, and no bad one"
    assert int(points["dropped: malformed"]) > len(GOOD)
    assert int(points["dropped: no valid points"]) > len(GOOD)
    accounted = sum(int(v) for k, v in points.items() if k.startswith(("dropped", "integrated")))
    assert accounted == int(points["received"]), points
    images = robot.source_values("input front")
    assert images["integrated"] == "0" and int(images["dropped: malformed"]) > 0, images
    assert "dropped: internal error" not in points.keys() | images.keys()

    low, high = np.array(toy_room.FLOOR.low) - 0.1, np.array([3.0, 3.0, 2.6])
    mapped = robot.map_points()
    assert ((low < mapped) & (mapped < high)).all(), "nothing but the room is in the map"
    found = robot.call(QueryObjects, "seg3d/query_objects", QueryObjects.Request())
    assert found.success and len(found.instances) >= len(toy_room.BOXES)
    click = SegmentAtPoints.Request(points=[found.instances[0].pose.position])
    assert robot.call(SegmentAtPoints, "seg3d/segment_at_points", click).message
    values = robot.source_values("segmentation")
    assert values["segmentations_failed"] == "0" and int(values["segmentations"]) > 1
