"""The player is heard as a robot: sensor topics, transforms, nothing lost at the start."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from support.harness import Robot, wait_until
from support.toy_recording import RATE_HZ, write_toy_recording
from tf2_msgs.msg import TFMessage

from seg3d_ros.demo.pacing import Pacer, Playback
from seg3d_ros.node.conversions import (
    cloud_from_msg,
    matrix_from_transform,
    stamp_ns,
)
from seg3d_ros.node.environment import free_domain
from seg3d_ros.node.qos import LATCHED, SENSOR
from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import to_frame
from seg3d_ros.sensing.rgbd import RgbdMessages, RgbdReader
from seg3d_ros.sensing.transform_buffer import TransformBuffer

FRAMES = 6
pytestmark = pytest.mark.ros


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_recording(tmp_path_factory.mktemp("recordings") / "toy", frames=FRAMES)


@pytest.fixture
def robot(monkeypatch: pytest.MonkeyPatch, make_robot) -> Robot:
    """A listener in a domain that the player's process inherits."""
    domain = free_domain()
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
    return make_robot(domain)


@pytest.fixture
def play(folder: Path) -> Iterator[Any]:
    """Start players; those that still run at the end are killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*options: str, path: Path = folder) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "seg3d_ros.demo.player", str(path), *options]
        started.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def stamps(messages: list[Any]) -> list[int]:
    return [stamp_ns(message.header.stamp) for message in messages]


def map_from_sensor(robot: Robot, frame_id: str, at_ns: int) -> np.ndarray:
    """Pose of the sensor that a listener to /tf and /tf_static concludes."""
    buffer = TransformBuffer()
    for topic in ("/tf", "/tf_static"):
        for item in (item for message in robot.received[topic] for item in message.transforms):
            matrix = matrix_from_transform(item.transform)
            at = stamp_ns(item.header.stamp)
            static = topic == "/tf_static"
            buffer.set_transform(
                item.header.frame_id, item.child_frame_id, at, matrix, static=static
            )
    return buffer.lookup("map", frame_id, at_ns)


def test_every_image_arrives_with_its_pose(robot, play, folder) -> None:
    colors = robot.listen(Image, "camera/color", SENSOR)
    depths = robot.listen(Image, "camera/depth", SENSOR)
    infos = robot.listen(CameraInfo, "camera/camera_info", SENSOR)
    robot.listen(TFMessage, "/tf", 100)
    robot.listen(TFMessage, "/tf_static", LATCHED)
    robot.listen_to_diagnostics()
    assert play().wait(timeout=60) == 0

    assert stamps(colors) == stamps(depths) == stamps(infos)
    recorded = list(open_recording(folder).frames())
    assert len(colors) == len(recorded) == FRAMES
    assert np.diff(stamps(colors)) == pytest.approx([1e9 / RATE_HZ] * (FRAMES - 1), abs=2)
    for color, depth, info, frame in zip(colors, depths, infos, recorded, strict=True):
        image = RgbdReader().read(RgbdMessages(color, depth, info, None), None)
        np.testing.assert_array_equal(image.color, frame.data.color)
        np.testing.assert_array_equal(image.depth, frame.data.depth)
        assert image.depth_unit == frame.data.depth_unit
        assert image.camera == frame.data.camera
        pose = map_from_sensor(robot, depth.header.frame_id, stamp_ns(depth.header.stamp))
        np.testing.assert_allclose(pose, frame.map_from_sensor, atol=1e-9)

    tree = {(i.header.frame_id, i.child_frame_id) for i in robot.received["/tf"][0].transforms}
    assert tree == {("map", "camera_link")}, "the optical frame is a second, static hop"
    report = wait_until(lambda: robot.source_values("playback"), "the player's report")
    assert (report["message"], report["sent"]) == ("finished", str(FRAMES))


def test_clouds_are_organised_and_loop_until_interrupted(robot, play, folder) -> None:
    clouds = robot.listen(PointCloud2, "points", SENSOR)
    robot.listen(TFMessage, "/tf", 100)
    robot.listen(TFMessage, "/tf_static", LATCHED)
    player = play("--as", "clouds", "--rate", "2", "--loop")
    wait_until(lambda: len(clouds) > FRAMES + 1, "the second round")
    player.send_signal(signal.SIGINT)
    time.sleep(0.05)
    player.send_signal(signal.SIGINT)  # `ros2 run` hands on what has reached the player already
    _, errors = player.communicate(timeout=15)
    assert player.returncode == 130
    assert "Traceback" not in errors and "ignored" not in errors

    recorded = [to_frame(frame) for frame in open_recording(folder).frames()]
    for message, frame in zip(clouds, [*recorded, *recorded], strict=False):
        cloud = cloud_from_msg(message)
        assert cloud.grid == frame.grid
        np.testing.assert_array_equal(cloud.points, frame.points)
        np.testing.assert_array_equal(cloud.colors, frame.colors)
        pose = map_from_sensor(robot, message.header.frame_id, stamp_ns(message.header.stamp))
        np.testing.assert_allclose(pose, frame.map_from_sensor, atol=1e-9)
    assert np.diff(stamps(clouds)) == pytest.approx(0.5e9 / RATE_HZ, abs=2), "time goes on"


def test_a_path_without_a_recording_is_one_line(play, tmp_path) -> None:
    player = play(path=tmp_path)
    _, errors = player.communicate(timeout=60)
    assert player.returncode == 2
    assert "is no recording" in errors and "Traceback" not in errors


def test_long_gaps_are_cut_and_rounds_follow_each_other() -> None:
    pacer = Pacer(Playback(rate=2.0, max_gap_s=1.0), rate_hz=10.0)
    seconds = [50.0, 50.1, 57.0, 50.0, 50.1]  # a hole of 6.9 s, then the next round
    due = [pacer.due(round(s * 1e9)) for s in seconds]
    assert due == pytest.approx([0.0, 0.05, 0.55, 0.6, 0.65])
