"""`seg3d doctor` against publishers with faults, over real DDS."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import numpy as np
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import PointCloud2
from support import toy_room
from support.faulty_camera import POSE, camera_messages, pose_message, publishing, stamped
from support.harness import PATIENCE, cloud_of
from tf2_msgs.msg import TFMessage

from seg3d_ros.node.conversions import time_msg
from seg3d_ros.node.environment import free_domain
from seg3d_ros.node.qos import LATCHED, SENSOR
from seg3d_ros.node.sensor_messages import depth_msg

SECONDS = str(3 * PATIENCE)


def examine(domain: int, *options: str) -> tuple[int, str]:
    """Exit code and page, its lines joined and without double spaces."""
    environment = {**os.environ, "ROS_DOMAIN_ID": str(domain), "COLUMNS": "100"}
    run = subprocess.run(
        [sys.executable, "-m", "seg3d_ros.cli", "doctor", "--seconds", SECONDS, *options],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60 * PATIENCE,
    )
    assert "Traceback" not in run.stderr, run.stderr
    print(run.stdout)  # noqa: T201 - pytest shows it when the test fails
    return run.returncode, re.sub(r"\s+", " ", run.stdout)


def test_a_good_camera_has_no_trouble(make_robot: Any) -> None:
    robot = make_robot(free_domain())
    messages = camera_messages()
    senders = {
        name: robot.publisher(type(message), f"front/{name}") for name, message in messages.items()
    }
    transforms = robot.publisher(TFMessage, "/tf")

    def send(stamp_ns: int) -> None:
        transforms.publish(pose_message("map", "camera_optical_frame", stamp_ns))
        for name, message in messages.items():
            senders[name].publish(stamped(message, "camera_optical_frame", stamp_ns))

    with publishing(send, robot):
        code, page = examine(robot.node.context.get_domain_id())
    assert (code, "No trouble found." in page) == (0, True)
    assert "camera /front/depth/image_raw: frames camera_optical_frame < map" in page
    assert re.search(r"/front/depth/image_raw Image \d+\.\d \d\.\d\d 0\.31 best effort", page)


def test_each_fault_of_a_camera_is_named_with_the_line_that_mends_it(make_robot: Any) -> None:
    robot = make_robot(free_domain())
    messages = camera_messages()
    depth, _ = toy_room.cast(POSE)
    messages["depth/image_raw"] = depth_msg(
        messages["depth/image_raw"].header, depth * 1000, unit=1.0
    )
    senders = {
        name: robot.publisher(type(message), f"front/{name}") for name, message in messages.items()
    }
    upright = np.eye(4)  # a body frame: x forward, z up
    unlatched = robot.node.create_publisher(TFMessage, "/tf_static", QoSProfile(depth=1))

    def send(stamp_ns: int) -> None:
        unlatched.publish(pose_message("odom", "camera_link", stamp_ns, upright))
        for name, message in messages.items():
            late_ns = 40_000_000 if name == "color/image_raw" else 0
            senders[name].publish(stamped(message, "camera_link", stamp_ns + late_ns))

    with publishing(send, robot):
        code, page = examine(robot.node.context.get_domain_id())
    assert code == 1
    assert "these look like millimetres > publish it as 16UC1" in page
    assert re.search(r"0% of the depth images .* within 40 ms > .*sync_slop:=0\.0[56]", page)
    assert "camera_link: the camera of /front/depth/image_raw would look straight up" in page
    assert "--frame-id camera_link --child-frame-id camera_optical_frame" in page
    assert "/tf_static: /robot offers reliable, so nodes that start later never get it" in page


def test_what_a_running_node_misses_is_found(make_robot: Any, start_node: Any) -> None:
    node = start_node(
        **{
            "input__point_cloud_topics": ["front/points", "rear/points"],
            "qos_overrides./front/points.subscription.reliability": "reliable",
        }
    )
    robot = make_robot(node.domain)
    cloud = cloud_of(*toy_room.cast(POSE))
    front = robot.publisher(PointCloud2, "/front/points", SENSOR)
    other = robot.publisher(PointCloud2, "/rear/depth/points", SENSOR)
    transforms = robot.publisher(TFMessage, "/tf")
    clock = robot.publisher(
        Clock, "/clock", QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
    )

    def send(stamp_ns: int) -> None:
        clock.publish(Clock(clock=time_msg(stamp_ns)))
        transforms.publish(pose_message("odom", "camera", stamp_ns))
        for sender in (front, other):
            sender.publish(stamped(cloud, "camera", stamp_ns))

    with publishing(send, robot):
        code, page = examine(node.domain)
    assert code == 1
    assert "node /seg3d" in page
    assert "/clock runs, but the node uses the computer's time" in page
    assert "/rear/points: nobody publishes it > " in page
    assert "-r /rear/points:=/rear/depth/points" in page
    assert (
        "/robot offers best effort, /seg3d asks for reliable: they do not match in reliability"
        in page
    )
    assert "-p qos_overrides./front/points.subscription.reliability:=best_effort" in page
    assert "no transform leads from map to camera" in page
    assert "segment.launch.py fixed_frame:=odom" in page


def test_an_unknown_topic_is_one_line(make_robot: Any) -> None:
    robot = make_robot(free_domain())
    robot.publisher(PointCloud2, "/points", LATCHED)
    run = subprocess.run(
        [sys.executable, "-m", "seg3d_ros.cli", "doctor", "--topic", "/cloud"],
        capture_output=True,
        text=True,
        env={**os.environ, "ROS_DOMAIN_ID": str(robot.node.context.get_domain_id())},
    )
    assert run.returncode == 2
    assert "topic '/cloud' is no cloud or depth camera; there are: /points" in run.stderr
