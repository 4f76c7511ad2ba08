"""Messages of cameras and clouds become measurements, whatever the driver sends."""

from __future__ import annotations

import io
import logging

import numpy as np
import pytest
from PIL import Image
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Header

from seg3d_ros.engine.pending_frame import PendingFrame
from seg3d_ros.engine.source_stats import SourceStats
from seg3d_ros.node.sensor_messages import (
    camera_info_msg,
    color_msg,
    depth_msg,
    measured_cloud_msg,
)
from seg3d_ros.node.subscriptions import CameraSource, CloudReader
from seg3d_ros.scene import Camera, Distortion
from seg3d_ros.sensing.depth_image import deproject
from seg3d_ros.sensing.image_decoder import ImageError

CAMERA = Camera(32, 24, 30.0, 30.0, 15.5, 11.5)
BENT = Camera(32, 24, 30.0, 30.0, 15.5, 11.5, Distortion((-0.2, 0.05, 0.0, 0.0, 0.0)))
DEPTH = np.full((24, 32), 2000, np.uint16)
COLOR = np.full((24, 32, 3), (10, 20, 30), np.uint8)


@pytest.fixture
def arrivals() -> list[PendingFrame]:
    return []


@pytest.fixture
def source(arrivals) -> CameraSource:
    return CameraSource("front", SourceStats(), 0.02, arrivals.append)


def send(source, *, color_frame="camera", depth_frame="camera", camera=CAMERA, **changes):
    source.on_camera_info(
        changes.get("info", camera_info_msg(Header(frame_id=color_frame), camera))
    )
    source.on_color(color_msg(Header(frame_id=color_frame), COLOR))
    source.on_depth(
        changes.get("depth", depth_msg(Header(frame_id=depth_frame), DEPTH, unit=0.001))
    )


@pytest.mark.parametrize("rectified", [False, True])
def test_distortion_is_heeded_in_images_that_are_not_rectified(source, arrivals, rectified):
    source.depth_rectified = rectified
    send(source, camera=BENT)
    measured = arrivals[0].read(None)
    expected = deproject(DEPTH, CAMERA if rectified else BENT, depth_unit=0.001)
    np.testing.assert_array_equal(measured.points, expected)
    assert measured.camera == (CAMERA if rectified else BENT)


def test_a_calibration_without_a_size(source, arrivals):
    send(source, info=camera_info_msg(Header(), Camera(0, 0, 30.0, 30.0, 15.5, 11.5)))
    assert arrivals[0].read(None).camera == CAMERA


def test_compressed_depth(source, arrivals):
    file = io.BytesIO()
    Image.fromarray(DEPTH).save(file, "PNG")
    packed = CompressedImage(format="16UC1; compressedDepth png")
    packed.header.frame_id = "camera"
    packed.data = bytes(12) + file.getvalue()
    send(source, depth=packed)
    expected = deproject(DEPTH, CAMERA, depth_unit=0.001)
    np.testing.assert_array_equal(arrivals[0].read(None).points, expected)


def test_depth_of_another_frame_needs_its_own_calibration(source, arrivals, caplog):
    between = np.eye(4)
    between[0, 3] = -0.1
    send(source, color_frame="colors", depth_frame="depths")
    assert (arrivals[0].frame_id, arrivals[0].color_frame_id) == ("depths", "colors")
    with pytest.raises(ImageError, match=r"'colors' and depth in 'depths'.*align_depth"):
        arrivals[0].read(between)
    with caplog.at_level(logging.WARNING):
        assert np.isfinite(arrivals[0].read(np.eye(4)).points).all(), "one place, two names"
        arrivals[0].read(np.eye(4))
    assert caplog.text.count("'colors' and depth in 'depths'") == 1

    source.on_depth_info(camera_info_msg(Header(frame_id="depths"), CAMERA))
    send(source, color_frame="colors", depth_frame="depths")
    points = arrivals[1].read(between).points.reshape(24, 32, 3)
    assert np.isnan(points[:, 0]).all(), "the colour camera does not see the left"
    assert np.isfinite(points[:, 2:]).all()


def test_registered_depth_is_not_read_with_the_calibration_of_the_raw_one(source, arrivals):
    wide = camera_info_msg(Header(frame_id="depths"), Camera(32, 24, 20.0, 20.0, 15.5, 11.5))
    source.on_depth_info(wide)
    send(source)
    assert arrivals[0].color_frame_id == ""
    assert arrivals[0].read(None).camera == CAMERA


def test_a_cloud_without_colours_is_told_of_once(caplog):
    cloud = measured_cloud_msg(Header(), np.ones((4, 3), np.float32), np.zeros((4, 3), np.uint8))
    reader = CloudReader("points")
    with caplog.at_level(logging.WARNING):
        reader.read(cloud)
        assert not caplog.text
        cloud.fields = cloud.fields[:3]
        reader.read(cloud)
        reader.read(cloud)
    assert caplog.text.count("points has no colours; learned models need them") == 1
