import numpy as np
import pytest

from seg3d_ros.mapping.depth_image import deproject
from seg3d_ros.mapping.pinhole import estimate_camera
from seg3d_ros.scene import Camera

GRID = (120, 160)


def view(camera, *, holes=0.3):
    rng = np.random.default_rng(3)
    depth = rng.uniform(0.5, 5, GRID).astype(np.float32)
    depth[rng.random(GRID) < holes] = np.nan
    return deproject(depth, camera, depth_unit=1.0)


@pytest.mark.parametrize("fy", [131.0, -129.0])
def test_finds_the_camera_behind_a_noisy_depth_image(fy):
    camera = Camera(160, 120, 130.0, fy, 77.0, 61.5)
    found = estimate_camera(view(camera), GRID)
    assert (found.width, found.height) == (160, 120)
    values = [found.fx, found.fy, found.cx, found.cy]
    np.testing.assert_allclose(values, [130, fy, 77, 61.5], rtol=1e-4)


def test_reads_strided_points():
    camera = Camera(160, 120, 130.0, 130.0, 80.0, 60.0)
    points = np.zeros((GRID[0] * GRID[1], 8), np.float32)
    points[:, :3] = view(camera)
    assert estimate_camera(points[:, :3], GRID).fx == pytest.approx(130, rel=1e-4)


def test_a_spinning_lidar_is_no_pinhole():
    elevation, azimuth = np.meshgrid(
        np.linspace(-0.4, 0.4, 120), np.linspace(-np.pi, np.pi, 160), indexing="ij"
    )
    points = 5 * np.stack(
        [
            np.cos(elevation) * np.cos(azimuth),
            np.cos(elevation) * np.sin(azimuth),
            np.sin(elevation),
        ],
        axis=-1,
    )
    assert estimate_camera(points.reshape(-1, 3).astype(np.float32), GRID) is None


@pytest.mark.parametrize("axes", [(2, 0, 1), (1, 2, 0)])
def test_other_axes_are_no_optical_frame(axes):
    points = view(Camera(160, 120, 130.0, 130.0, 80.0, 60.0))[:, axes]
    assert estimate_camera(points, GRID) is None


def test_a_view_backwards_or_of_nothing_is_none():
    points = view(Camera(160, 120, 130.0, 130.0, 80.0, 60.0))
    assert estimate_camera(-points, GRID) is None
    assert estimate_camera(np.full_like(points, np.nan), GRID) is None
    points[100:] = np.nan
    assert estimate_camera(points, GRID) is None
