from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import RecordedFrame
from seg3d_ros.recordings.tum_writer import write_tum
from seg3d_ros.scene import Camera
from seg3d_ros.sensing.cloud_decoder import Cloud
from seg3d_ros.sensing.depth_image import DepthImage

CAMERA = Camera(32, 24, 30.0, 31.0, 15.5, 11.5)


def frames(count: int) -> list[RecordedFrame]:
    made = []
    for number in range(count):
        color = np.full((24, 32, 3), (200, 100, 50), np.uint8)
        depth = np.full((24, 32), 1000 + number, np.uint16)
        pose = np.eye(4)
        pose[:3, :3] = [(0, 0, 1), (-1, 0, 0), (0, -1, 0)]  # looks along x, z up
        pose[:3, 3] = (number, 0.25, -1.5)
        image = DepthImage(color, depth, 0.002, CAMERA)
        made.append(RecordedFrame(1_700_000_000_123_456_000 + number * 100_000_000, pose, image))
    return made


def test_what_is_written_is_read_again(tmp_path):
    written = frames(3)
    write_tum(tmp_path / "new", written)
    read = list(open_recording(tmp_path / "new", up="z").frames())
    assert [frame.stamp_ns for frame in read] == [frame.stamp_ns for frame in written]
    for before, after in zip(written, read, strict=True):
        np.testing.assert_allclose(after.map_from_sensor, before.map_from_sensor, atol=1e-5)
        np.testing.assert_array_equal(after.data.depth, before.data.depth)
        np.testing.assert_allclose(after.data.color, before.data.color, atol=3)  # it is a JPEG
        assert after.data.camera == CAMERA and after.data.depth_unit == 0.002


def test_what_cannot_be_written_is_said(tmp_path):
    with pytest.raises(ValueError, match="no frame"):
        write_tum(tmp_path, [])
    frame = frames(1)[0]
    in_metres = replace(frame.data, depth=frame.data.depth.astype(np.float32))
    points = np.zeros((1, 3), np.float32)
    for data in (in_metres, Cloud(points, points.astype(np.uint8), None)):
        with pytest.raises(ValueError, match="16-bit depth"):
            write_tum(tmp_path, [replace(frame, data=data)])
