from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from seg3d_ros.recordings.camera_file import DepthCamera, find_camera
from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.recordings.redwood import read_redwood
from seg3d_ros.scene import Camera, Distortion

CAMERA = Camera(320, 240, 300.0, 301.0, 160.0, 120.0)
SIZE = (640, 480)
OURS = '{"width": 320, "height": 240, "fx": 300, "fy": 301, "cx": 160, "cy": 120}'
OPEN3D = """{"width": 320, "height": 240,
    "intrinsic_matrix": [300, 0, 0, 0, 301, 0, 160, 120, 1]}"""
REPLICA = """{"camera": {"w": 320, "h": 240, "fx": 300, "fy": 301, "cx": 160, "cy": 120,
    "scale": 1000}}"""
ROS = """image_width: 320
image_height: 240
camera_matrix: {rows: 3, cols: 3, data: [300, 0, 160, 0, 301, 120, 0, 0, 1]}
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("camera.json", OURS),
        ("camera_primesense.json", OPEN3D),
        ("my_intrinsics.json", OPEN3D),
        ("camera.yaml", ROS),
        ("cam_params.json", REPLICA),
    ],
)
def test_the_usual_files_say_the_same(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert find_camera(tmp_path, depth_unit=0.001, size=SIZE) == DepthCamera(CAMERA, 0.001)


NUMBERS = (-0.35, 0.12, 0.001, -0.002, 0.01)
SINGLE = '"k1": -0.35, "k2": 0.12, "p1": 0.001, "p2": -0.002, "k3": 0.01'
OPENCV = """%YAML:1.0
---
image_width: 320
image_height: 240
camera_matrix: !!opencv-matrix
   rows: 3
   cols: 3
   dt: d
   data: [ 300., 0., 160., 0., 301., 120., 0., 0., 1. ]
distortion_coefficients: !!opencv-matrix
   rows: 5
   cols: 1
   dt: d
   data: [ -0.35, 0.12, 0.001, -0.002, 0.01 ]
"""
ECHOED = """height: 240
width: 320
distortion_model: plumb_bob
d: [-0.35, 0.12, 0.001, -0.002, 0.01]
k: [300, 0, 160, 0, 301, 120, 0, 0, 1]
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("camera.json", OURS[:-1] + f", {SINGLE}}}"),
        ("camera.json", OURS[:-1] + f', "distortion": {{"model": "OPENCV", {SINGLE}}}}}'),
        ("camera.json", OURS[:-1] + f', "dist_coeffs": [{list(NUMBERS)}]}}'),
        ("camera_info.yaml", ROS + f"distortion_coefficients: {{data: {list(NUMBERS)}}}"),
        ("camera_info.yaml", ECHOED),
        ("camera.yaml", OPENCV),
    ],
)
def test_distortion_is_read_in_the_usual_spellings(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    found = find_camera(tmp_path, depth_unit=0.001, size=SIZE).camera
    assert replace(found, distortion=None) == CAMERA
    assert not found.distortion.equidistant
    assert found.distortion.coefficients[:5] == NUMBERS
    assert not any(found.distortion.coefficients[5:])


def test_a_fisheye_and_zeros(tmp_path):
    file = tmp_path / "camera.json"
    file.write_text(OURS[:-1] + ', "model": "OPENCV_FISHEYE", "k1": 0.1, "k2": 0.2, "k4": 0.4}')
    lens = find_camera(tmp_path, depth_unit=0.001, size=SIZE).camera.distortion
    assert lens == Distortion((0.1, 0.2, 0.0, 0.4), equidistant=True)
    file.write_text(OURS[:-1] + ', "distortion_model": "inverse_brown_conrady", "coeffs": [0, 0]}')
    assert find_camera(tmp_path, depth_unit=0.001, size=SIZE).camera == CAMERA


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ('"model": "omni", "k1": 0.1', "distortion model 'omni' .* is not understood"),
        ('"k1": NaN', "this is no distortion"),
        ('"k1": "big"', "could not convert"),
        ('"fy": -301, "k1": 0.1', "fy is negative"),
    ],
)
def test_distortion_that_cannot_be_used(tmp_path, entries, sentence):
    (tmp_path / "camera.json").write_text(OURS[:-1] + f", {entries}}}")
    with pytest.raises(RecordingError, match=sentence):
        find_camera(tmp_path, depth_unit=0.001, size=SIZE)


def test_points_of_a_distorted_camera_lie_on_its_view_rays(tmp_path):
    """A wall 2 m away stays a plane, and its corner moves out as the lens says."""
    for name in ("color", "depth", "pose"):
        (tmp_path / name).mkdir()
    Image.fromarray(np.zeros((240, 320, 3), np.uint8)).save(tmp_path / "color/0.png")
    Image.fromarray(np.full((240, 320), 2000, np.uint16)).save(tmp_path / "depth/0.png")
    np.savetxt(tmp_path / "pose/0.txt", np.eye(4))
    (tmp_path / "camera.json").write_text(OURS[:-1] + ', "k1": -0.2}')
    (frame,) = read_redwood(tmp_path, up="z").frames()
    corner = frame.data.points()[0]
    assert corner[2] == pytest.approx(2.0)
    x, y = corner[:2] / 2
    shrunk = 1 - 0.2 * (x * x + y * y)
    assert (x * shrunk * 300 + 160, y * shrunk * 301 + 120) == pytest.approx((0, 0), abs=1e-2)
    assert x < -160 / 300  # outside of where a pinhole would see it


@pytest.mark.parametrize("name", ["seq/intrinsic/intrinsic_depth.txt", "camera-intrinsics.txt"])
def test_bare_matrices(tmp_path, name):
    folder = tmp_path / "seq"
    (folder / "intrinsic").mkdir(parents=True)
    (tmp_path / name).write_text("585 0 320\n0 586 240\n0 0 1\n")
    camera = Camera(640, 480, 585.0, 586.0, 320.0, 240.0)
    assert find_camera(folder, depth_unit=0.001, size=SIZE).camera == camera


@pytest.mark.parametrize(
    ("name", "fx"),
    [("rgbd_dataset_freiburg2_desk", 520.9), ("tum_fr3_cabinet", 535.4), ("ICL-NUIM_0", 481.2)],
)
def test_names_of_benchmarks_are_known(tmp_path, name, fx):
    folder = tmp_path / name
    folder.mkdir()
    assert find_camera(folder, depth_unit=0.001, size=SIZE) == DepthCamera(
        find_camera(folder, depth_unit=0.5, size=SIZE).camera, 1 / 5000
    )
    assert find_camera(folder, depth_unit=0.001, size=SIZE).camera.fx == fx


@pytest.mark.parametrize("unit", [0, -1, "NaN"])
def test_a_useless_depth_unit_is_refused(tmp_path, unit):
    (tmp_path / "camera.json").write_text(OURS[:-1] + f', "depth_unit": {unit}}}')
    with pytest.raises(RecordingError, match="must be positive"):
        find_camera(tmp_path, depth_unit=0.001, size=SIZE)


def test_an_unknown_camera_is_refused(tmp_path):
    with pytest.raises(RecordingError, match="does not say what camera"):
        find_camera(tmp_path, depth_unit=0.001, size=SIZE)


def test_a_bare_matrix_has_the_size_of_the_images(tmp_path):
    (tmp_path / "camera_intrinsics.txt").write_text("900 0 639.5\n0 900 359.5\n0 0 1\n")
    found = find_camera(tmp_path, depth_unit=0.001, size=(1280, 720))
    assert found.camera == Camera(1280, 720, 900.0, 900.0, 639.5, 359.5)
    with pytest.raises(RecordingError, match=r"\(639\.5, 359\.5\) is far from .* 640x480"):
        find_camera(tmp_path, depth_unit=0.001, size=SIZE)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"camera": []}', '{"width": 1}', OURS[:-1] + ', "scale": 0}', "7"]
)
def test_a_damaged_file_is_refused_with_what_to_write(tmp_path, text):
    (tmp_path / "camera.json").write_text(text)
    with pytest.raises(RecordingError, match=r"cannot be read as intrinsics .*add a camera\.json"):
        find_camera(tmp_path, depth_unit=0.001, size=SIZE)
