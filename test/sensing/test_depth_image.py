import numpy as np
import pytest

from seg3d_ros.scene import Camera
from seg3d_ros.sensing.depth_image import deproject

CAMERA = Camera(4, 3, 2.0, -3.0, 1.5, 1.0)


def slow_points(depth, camera, unit):
    points = np.full((camera.height, camera.width, 3), np.nan)
    for v, u in np.ndindex(camera.height, camera.width):
        z = float(depth[v, u]) * unit
        if np.isfinite(z) and z > 0:
            points[v, u] = (u - camera.cx) / camera.fx * z, (v - camera.cy) / camera.fy * z, z
    return points.reshape(-1, 3)


@pytest.mark.parametrize(("dtype", "unit"), [(np.uint16, 0.001), (np.float32, 1.0)])
def test_equals_the_pixel_by_pixel_formula(dtype, unit):
    depth = (np.random.default_rng(1).uniform(0.5, 4, (3, 4)) / unit).astype(dtype)
    depth[1, 2] = 0
    points = deproject(depth, CAMERA, depth_unit=unit)
    assert points.dtype == np.float32
    np.testing.assert_allclose(points, slow_points(depth, CAMERA, unit), rtol=1e-6)


def test_what_was_not_measured_is_nan():
    depth = np.array([[0, np.nan, np.inf, -1.0], [1, 1, 1, 1], [1, 1, 1, 1]], np.float32)
    points = deproject(depth, CAMERA, depth_unit=1.0)
    assert np.isnan(points[:4]).all()
    assert np.isfinite(points[4:]).all()


def test_reads_strided_and_read_only_images():
    depth = np.arange(1, 25, dtype=np.uint16).reshape(6, 4)[::2]
    depth.flags.writeable = False
    points = deproject(depth, CAMERA, depth_unit=0.001)
    np.testing.assert_allclose(points, slow_points(depth, CAMERA, 0.001), rtol=1e-6)


@pytest.mark.parametrize(
    ("depth", "camera", "unit", "complaint"),
    [
        (np.ones((3, 4), np.float64), CAMERA, 1.0, "float64"),
        (np.ones((4, 3), np.float32), CAMERA, 1.0, r"\(4, 3\)"),
        (np.ones((3, 4), np.float32), CAMERA, 0.0, "depth_unit"),
        (np.ones((3, 4), np.float32), CAMERA, float("nan"), "depth_unit"),
        (np.ones((3, 4), np.float32), Camera(4, 3, 0.0, 1.0, 0.0, 0.0), 1.0, "uncalibrated"),
    ],
)
def test_useless_input_is_refused(depth, camera, unit, complaint):
    with pytest.raises(ValueError, match=complaint):
        deproject(depth, camera, depth_unit=unit)
