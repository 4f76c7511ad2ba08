from __future__ import annotations

import pytest

from seg3d_ros.recordings.camera_file import DepthCamera, find_camera
from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.scene import Camera

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
