"""View rays of distorted cameras, checked with a model written out once more."""

import numpy as np
import pytest

from seg3d_ros.mapping.voxel_map import VoxelMap
from seg3d_ros.scene import Camera, Distortion, Frame
from seg3d_ros.sensing.depth_image import deproject
from seg3d_ros.sensing.lens import ideal_view, view_rays

PLUMB_BOB = Distortion((-0.35, 0.12, 0.001, -0.002, 0.01))
# An Azure Kinect's colour camera, as its driver publishes it.
AZURE = Distortion(
    (0.779905, -2.980277, 0.000748, 0.000057, 1.699752, 0.657220, -2.811909, 1.630237)
)  # fmt: skip
THIN_PRISM = Distortion((-0.1, 0.05, 0.001, 0.001, 0, 0, 0, 0, 0.004, -0.002, 0.003, 0.001))
FISHEYE = Distortion((-0.02, 0.01, -0.004, 0.0005), equidistant=True)
LENSES = {"plumb_bob": PLUMB_BOB, "azure": AZURE, "thin_prism": THIN_PRISM, "fisheye": FISHEYE}


def camera_with(lens: Distortion | None) -> Camera:
    return Camera(320, 180, 151.2, 151.3, 159.1, 91.7, lens)


def pixels_of(rays: np.ndarray, camera: Camera) -> np.ndarray:
    """OpenCV's formulas for the image of the directions (x, y, 1)."""
    x, y = rays[..., 0].astype(float), rays[..., 1].astype(float)
    c = np.zeros(12)
    c[: len(camera.distortion.coefficients)] = camera.distortion.coefficients
    r2 = x**2 + y**2
    if camera.distortion.equidistant:
        t = np.arctan(np.sqrt(r2))
        scale = t * (1 + c[0] * t**2 + c[1] * t**4 + c[2] * t**6 + c[3] * t**8) / np.sqrt(r2)
        xd, yd = x * scale, y * scale
    else:
        radial = 1 + c[0] * r2 + c[1] * r2**2 + c[4] * r2**3
        radial /= 1 + c[5] * r2 + c[6] * r2**2 + c[7] * r2**3
        xd = x * radial + 2 * c[2] * x * y + c[3] * (r2 + 2 * x**2) + c[8] * r2 + c[9] * r2**2
        yd = y * radial + c[2] * (r2 + 2 * y**2) + 2 * c[3] * x * y + c[10] * r2 + c[11] * r2**2
    return np.stack([camera.fx * xd + camera.cx, camera.fy * yd + camera.cy], axis=-1)


@pytest.mark.parametrize("name", LENSES)
def test_the_image_of_a_view_ray_is_its_pixel(name):
    camera = camera_with(LENSES[name])
    found = pixels_of(view_rays(camera), camera)
    v, u = np.mgrid[: camera.height, : camera.width]
    np.testing.assert_allclose(found, np.stack([u, v], axis=-1), atol=2e-3)


def test_points_lie_on_the_view_rays():
    camera = camera_with(AZURE)
    depth = np.full((camera.height, camera.width), 2500, np.uint16)
    depth[3, 4] = 0
    points = deproject(depth, camera, depth_unit=0.001).reshape(*depth.shape, 3)
    assert np.isnan(points[3, 4]).all()
    points[3, 4] = points[3, 5]
    np.testing.assert_allclose(points[..., :2], 2.5 * view_rays(camera), rtol=1e-6, atol=0.02)
    np.testing.assert_allclose(points[..., 2], 2.5, rtol=1e-6)


def test_pixels_that_the_lens_model_cannot_reach_measure_nothing():
    camera = Camera(320, 180, 60.0, 60.0, 160.0, 90.0, Distortion((-0.3, 0.0, 0.0, 0.0)))
    points = deproject(np.ones((180, 320), np.float32), camera, depth_unit=1.0)
    radius = np.hypot(*np.mgrid[-90:90, -160:160]).ravel() / 60
    # r (1 - 0.3 r²) turns back at a radius of 0.703.
    np.testing.assert_array_equal(np.isfinite(points).all(axis=1)[radius < 0.69], True)
    np.testing.assert_array_equal(np.isnan(points).all(axis=1)[radius > 0.71], True)


@pytest.mark.parametrize("name", LENSES)
def test_the_ideal_view_shows_each_direction_where_a_pinhole_would(name):
    camera = camera_with(LENSES[name])
    ideal, pixels = ideal_view(camera)
    rays = np.full((camera.height + 4, camera.width + 4, 2), np.nan)
    rays[2:-2, 2:-2] = view_rays(camera)
    shown = rays.reshape(-1, 2)[pixels[2:-2, 2:-2]]
    v, u = np.mgrid[: ideal.height, : ideal.width]
    truth = np.stack([(u - ideal.cx) / ideal.fx, (v - ideal.cy) / ideal.fy], axis=-1)
    some = np.isfinite(shown[..., 0])
    assert some.mean() > 0.6
    error = np.abs(shown - truth)[some] * camera.fx
    assert np.median(error) < 0.5 and error.max() < 5, "distances in pixels"


def frame_of(depth: np.ndarray, camera: Camera, stamp_ns: int) -> Frame:
    points = deproject(depth, camera, depth_unit=1.0)
    grid = (camera.height, camera.width)
    return Frame(points, np.zeros(points.shape, np.uint8), stamp_ns, np.eye(4), grid, camera)


@pytest.mark.parametrize("name", ["plumb_bob", "fisheye"])
def test_what_has_gone_is_carved_and_what_stands_stays(name):
    camera = camera_with(LENSES[name])
    wall = np.full((camera.height, camera.width), 2.0, np.float32)
    with_box = wall.copy()
    with_box[10:60, 10:60] = 1.0  # near the corner, where the lens bends most
    voxel_map = VoxelMap()
    for stamp in range(4):
        assert voxel_map.integrate(frame_of(with_box, camera, stamp)).voxels_carved == 0
    boxed = voxel_map.snapshot().points
    for stamp in range(4, 16):
        voxel_map.integrate(frame_of(wall, camera, stamp))
    left = voxel_map.snapshot().points
    assert (left[:, 2] < 1.5).sum() < 0.02 * (boxed[:, 2] < 1.5).sum()
    assert (left[:, 2] > 1.5).sum() >= (boxed[:, 2] > 1.5).sum()
