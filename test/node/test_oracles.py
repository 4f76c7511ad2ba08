"""The package beside ROS's own libraries, where a full ROS 2 has them."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sensor_msgs.msg import PointField
from std_msgs.msg import Header
from support import toy_room
from support.harness import cloud_of, transform_msg, wait_until

from seg3d_ros.node.conversions import cloud_from_msg, matrix_from_transform
from seg3d_ros.sensing.transform_buffer import TransformBuffer
from seg3d_ros.sensing.transforms import matrix_from_quaternion, quaternion_from_matrix

SECOND = 1_000_000_000


def needs(*modules: str) -> pytest.MarkDecorator:
    missing = [name for name in modules if not importlib.util.find_spec(name)]
    reason = f"{', '.join(missing)} not installed: the ROS 2 wheels lack it, a full ROS 2 has it"
    return pytest.mark.skipif(bool(missing), reason=reason)


def random_poses(count: int) -> list[np.ndarray]:
    random = np.random.default_rng(7)
    poses = []
    for _ in range(count):
        q = random.normal(size=4)
        pose = np.eye(4)
        pose[:3, :3] = matrix_from_quaternion(q / np.linalg.norm(q))
        pose[:3, 3] = random.uniform(-5, 5, 3)
        poses.append(pose)
    return poses


@needs("sensor_msgs_py")
def test_clouds_read_as_sensor_msgs_py_reads_them() -> None:
    from sensor_msgs_py import point_cloud2

    seen = cloud_of(*toy_room.cast(toy_room.views(1)[0]))
    rows = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
    fields = [
        PointField(name=name, offset=4 * i, datatype=PointField.FLOAT32, count=1)
        for i, name in enumerate("zxy")
    ]
    for msg in (seen, point_cloud2.create_cloud(Header(), fields, rows)):
        theirs = point_cloud2.read_points_numpy(msg, ["x", "y", "z"]).reshape(-1, 3)
        np.testing.assert_array_equal(cloud_from_msg(msg).points, theirs)


@needs("tf2_py", "tf2_ros")
def test_transforms_are_those_of_tf2() -> None:
    import tf2_ros
    from rclpy.time import Time

    theirs, ours = tf2_ros.Buffer(), TransformBuffer()
    first, second, mount = random_poses(3)
    samples = [
        ("map", "base", SECOND, first, False),
        ("map", "base", 2 * SECOND, second, False),
        ("base", "camera", 0, mount, True),
    ]
    for parent, child, stamp, pose, static in samples:
        msg = transform_msg(pose, parent, child, stamp)
        (theirs.set_transform_static if static else theirs.set_transform)(msg, "test")
        ours.set_transform(
            parent, child, stamp, matrix_from_transform(msg.transform), static=static
        )
    for stamp in (SECOND, SECOND + 123_456_789, 2 * SECOND):
        for target, source in (("map", "camera"), ("camera", "map"), ("base", "map")):
            found = theirs.lookup_transform(target, source, Time(nanoseconds=stamp))
            expected = matrix_from_transform(found.transform)
            np.testing.assert_allclose(ours.lookup(target, source, stamp), expected, atol=1e-9)


@needs("tf_transformations")
def test_rotations_are_those_of_tf_transformations() -> None:
    import tf_transformations

    for pose in random_poses(50):
        ours = quaternion_from_matrix(pose[:3, :3])
        theirs = tf_transformations.quaternion_from_matrix(pose)
        assert abs(np.dot(ours, theirs)) == pytest.approx(1.0)
        expected = tf_transformations.quaternion_matrix(theirs)[:3, :3]
        np.testing.assert_allclose(matrix_from_quaternion(ours), expected, atol=1e-9)


@needs("vision_msgs")
def test_detections_say_what_instances_say(start_node, make_robot) -> None:
    from vision_msgs.msg import Detection3DArray

    from seg3d_ros.msg import InstanceArray

    node = start_node(segmentation__period=3600.0)
    robot = make_robot(node.domain)
    robot.listen_to_diagnostics()
    robot.show(toy_room.views(4))
    for _ in range(2):
        assert robot.trigger("seg3d/segment_now").success
    arrays = robot.listen(InstanceArray, "seg3d/instances")
    detections = robot.listen(Detection3DArray, "seg3d/detections")
    wait_until(lambda: arrays and detections, "both outputs")
    assert detections[-1].header == arrays[-1].header
    for ours, theirs in zip(arrays[-1].instances, detections[-1].detections, strict=True):
        assert theirs.id == str(ours.id)
        assert theirs.bbox.center == ours.pose and theirs.bbox.size == ours.size
        assert theirs.results[0].hypothesis.class_id == ours.label


@needs("launch_testing", "launch_ros")
def test_the_launch_file_brings_up_an_active_node() -> None:
    program = Path(__file__).with_name("launch_check.py")
    command = [sys.executable, "-m", "launch_testing.launch_test", str(program)]
    ended = subprocess.run(command, capture_output=True, text=True, env=os.environ, timeout=120)
    assert ended.returncode == 0, ended.stdout + ended.stderr
