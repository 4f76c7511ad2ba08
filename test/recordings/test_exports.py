"""Folders as the tools of ScanNet, Replica and Open3D export them."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.scene import Camera

POSES = np.stack([np.eye(4), np.eye(4), np.eye(4)])
POSES[:, 0, 3] = (0, 1, 2)


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def color_image(width: int, height: int) -> np.ndarray:
    """Left half red, right half blue."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2, 0] = pixels[:, width // 2 :, 2] = 255
    return pixels


def depth_image(width: int, height: int) -> np.ndarray:
    return np.full((height, width), 2000, np.uint16)


def scannet(folder: Path, color_size: tuple[int, int] = (81, 61)) -> Path:
    """Colour and depth of nearly the same aspect, as the 1296x968 and 640x480 of ScanNet."""
    for number, pose in enumerate(POSES):
        save(folder / f"color/{number}.png", color_image(*color_size))
        save(folder / f"depth/{number}.png", depth_image(40, 30))
        (folder / "pose").mkdir(exist_ok=True)
        np.savetxt(folder / f"pose/{number}.txt", pose)
    matrix = np.diag([30.0, 30.0, 1.0, 1.0])
    matrix[:2, 2] = 19.5, 14.5
    (folder / "intrinsic").mkdir()
    np.savetxt(folder / "intrinsic/intrinsic_depth.txt", matrix)
    return folder


def test_scannet_colour_takes_the_size_of_the_depth(tmp_path):
    frames = list(open_recording(scannet(tmp_path), up="z").frames())
    assert len(frames) == 3
    assert frames[0].data.camera == Camera(40, 30, 30.0, 30.0, 19.5, 14.5)
    color = frames[0].data.color
    assert color.shape == (30, 40, 3)
    np.testing.assert_array_equal(color[:, 3], [(255, 0, 0)] * 30)
    np.testing.assert_array_equal(color[:, -3], [(0, 0, 255)] * 30)


def test_colour_of_another_aspect_is_refused(tmp_path):
    recording = open_recording(scannet(tmp_path, (80, 45)), up="z")
    with pytest.raises(RecordingError, match="differ in size"):
        list(recording.frames())


@pytest.mark.parametrize("lost", ["-inf", "nan", "-1.#INF", "1.#QNAN"])
def test_lost_tracking_is_left_out_and_counted(tmp_path, caplog, lost):
    scannet(tmp_path)
    (tmp_path / "pose/1.txt").write_text(f"{lost} {lost} {lost} {lost}\n" * 4)
    with caplog.at_level(logging.WARNING):
        frames = list(open_recording(tmp_path, up="z").frames())
    assert [frame.map_from_sensor[0, 3] for frame in frames] == [0, 2]
    assert "1 of 3 frames have no usable pose" in caplog.text


def replica(folder: Path) -> Path:
    scene = folder / "room0"
    for number in range(3):
        save(scene / f"results/frame{number:06}.jpg", color_image(40, 30))
        save(scene / f"results/depth{number:06}.png", depth_image(40, 30))
    np.savetxt(scene / "traj.txt", POSES.reshape(3, 16))
    camera = {"w": 40, "h": 30, "fx": 30.0, "fy": 30.0, "cx": 19.5, "cy": 14.5, "scale": 6553.5}
    (folder / "cam_params.json").write_text(json.dumps({"camera": camera}))
    return scene


def test_replica(tmp_path):
    frames = list(open_recording(replica(tmp_path), up="z").frames())
    assert [frame.map_from_sensor[0, 3] for frame in frames] == [0, 1, 2]
    assert frames[0].data.camera == Camera(40, 30, 30.0, 30.0, 19.5, 14.5)
    assert frames[0].data.depth_unit == pytest.approx(1 / 6553.5)


def test_images_without_a_partner_are_left_out_and_counted(tmp_path, caplog):
    scene = replica(tmp_path)
    (scene / "results/depth000001.png").unlink()
    np.savetxt(scene / "traj.txt", POSES[[0, 2]].reshape(2, 16))
    with caplog.at_level(logging.WARNING):
        assert len(list(open_recording(scene, up="z").frames())) == 2
    assert (
        "1 images left out, without a depth image of their number (frame000001.jpg)" in caplog.text
    )


@pytest.mark.parametrize("columns", [12, 16])
@pytest.mark.parametrize("lost", [False, True])
def test_matrices_of_a_list(tmp_path, columns, lost):
    scene = replica(tmp_path)
    rows = POSES.reshape(3, 16)[:, :columns].copy()
    if lost:
        rows[1] = np.nan
    np.savetxt(scene / "traj.txt", rows)
    frames = list(open_recording(scene, up="z").frames())
    assert [frame.map_from_sensor[0, 3] for frame in frames] == ([0, 2] if lost else [0, 1, 2])


def test_intrinsics_of_the_colour_image_are_scaled_to_the_depth(tmp_path):
    scene = replica(tmp_path)
    for number in range(3):
        save(scene / f"results/frame{number:06}.jpg", color_image(80, 60))
    camera = {"width": 80, "height": 60, "fx": 60.0, "fy": 60.0, "cx": 39.5, "cy": 29.5}
    (scene / "camera.json").write_text(json.dumps(camera))
    frame = next(open_recording(scene, up="z").frames())
    assert frame.data.camera == Camera(40, 30, 30.0, 30.0, 19.5, 14.5)


def test_a_quaternion_list_with_lost_tracking(tmp_path):
    scene = replica(tmp_path)
    (scene / "traj.txt").unlink()
    (scene / "pose.txt").write_text("0 0 0 0 0 0 1\nnan nan nan nan nan nan nan\n2 0 0 0 0 0 1\n")
    frames = list(open_recording(scene, up="z").frames())
    assert [frame.map_from_sensor[0, 3] for frame in frames] == [0, 2]


INFO = """m_versionNumber = 4
m_sensorName = StructureSensor
m_colorWidth = 81
m_colorHeight = 61
m_depthWidth = 40
m_depthHeight = 30
m_depthShift = 500
m_calibrationColorIntrinsic = 60 0 40 0 0 60 30 0 0 0 1 0 0 0 0 1
m_calibrationDepthIntrinsic = 30 0 19.5 0 0 31 14.5 0 0 0 1 0 0 0 0 1
m_frames.size = 1
"""


def test_what_sensreader_unpacks(tmp_path):
    save(tmp_path / "frame-000000.color.jpg", color_image(81, 61))
    pixels = depth_image(40, 30).astype(">u2")
    (tmp_path / "frame-000000.depth.pgm").write_bytes(b"P5\n40 30\n65535\n" + pixels.tobytes())
    np.savetxt(tmp_path / "frame-000000.pose.txt", POSES[1])
    (tmp_path / "_info.txt").write_text(INFO)
    (frame,) = open_recording(tmp_path, up="z").frames()
    assert frame.data.camera == Camera(40, 30, 30.0, 31.0, 19.5, 14.5)
    assert frame.data.depth_unit == 1 / 500
    np.testing.assert_array_equal(frame.data.depth, depth_image(40, 30))
    assert frame.map_from_sensor[0, 3] == 1
    (tmp_path / "_info.txt").write_text("m_depthWidth = 40")
    with pytest.raises(RecordingError, match="no 'm_calibrationDepthIntrinsic'"):
        open_recording(tmp_path)
