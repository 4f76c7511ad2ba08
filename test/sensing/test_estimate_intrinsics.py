import numpy as np
import pytest

from seg3d_ros.mapping.voxel_map import VoxelMap
from seg3d_ros.scene import Camera, Distortion, Frame
from seg3d_ros.sensing.depth_image import deproject
from seg3d_ros.sensing.estimate_intrinsics import as_image, estimate_camera, is_image
from seg3d_ros.sensing.frame_filter import FrameFilter

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


def test_a_cloud_in_body_axes_is_turned_to_those_of_its_camera():
    camera = Camera(160, 120, 130.0, 130.0, 80.0, 60.0)
    points = view(camera)
    body = np.stack([points[:, 2], -points[:, 0], -points[:, 1]], axis=1)
    pose = np.eye(4)
    pose[:3, 3] = 1, 2, 3
    frame = Frame(body, np.zeros_like(body, np.uint8), 1, pose, grid=GRID)
    found = as_image(frame)
    assert found.camera.fx == pytest.approx(130, rel=1e-4)
    np.testing.assert_array_equal(found.points, points)
    turned = found.points @ found.map_from_sensor[:3, :3].T + found.map_from_sensor[:3, 3]
    np.testing.assert_allclose(turned, body + pose[:3, 3], atol=1e-6)


def test_what_has_a_camera_or_is_no_image_stays_as_it_is():
    camera = Camera(160, 120, 130.0, 130.0, 80.0, 60.0)
    points = view(camera)
    colors = np.zeros_like(points, np.uint8)
    for frame in (
        Frame(points, colors, 1, np.eye(4), grid=GRID, camera=camera),
        Frame(points, colors, 1, np.eye(4)),
        Frame(points[:, (2, 1, 0)], colors, 1, np.eye(4), grid=GRID),
    ):
        assert as_image(frame) is frame


def test_a_view_backwards_or_of_nothing_is_none():
    points = view(Camera(160, 120, 130.0, 130.0, 80.0, 60.0))
    assert estimate_camera(-points, GRID) is None
    assert estimate_camera(np.full_like(points, np.nan), GRID) is None
    points[100:] = np.nan
    assert estimate_camera(points, GRID) is None


def test_points_on_the_optical_axis_are_no_view():
    points = np.zeros((GRID[0] * GRID[1], 3), np.float32)
    points[:, 2] = 1.0
    assert estimate_camera(points, GRID) is None
    frame = Frame(points, np.zeros(points.shape, np.uint8), 1, np.eye(4), GRID)
    assert VoxelMap().integrate(frame).points_used == len(points)


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, -1, -2)])
def test_a_lens_and_a_body_frame_leave_an_image(axes):
    bent = Distortion((-0.1, 0.02, 0.0, 0.0))
    points = view(Camera(160, 120, 130.0, 130.0, 80.0, 60.0, bent))
    if axes[0] == 2:  # x forward, y left, z up
        points = np.stack([points[:, 2], -points[:, 0], -points[:, 1]], axis=1)
    assert is_image(points, GRID)


def lidar_scan(rings, elevations_deg, *, columns=1024, height=0.6):
    """A spinning lidar in a room of 8 x 6 x 2.6 m: points ring by ring, x forward, z up."""
    elevation = np.radians(np.linspace(*elevations_deg, rings))[:, None]
    azimuth = np.radians(np.linspace(180, -180, columns, endpoint=False))
    rays = np.stack(
        np.broadcast_arrays(
            np.cos(elevation) * np.cos(azimuth),
            np.cos(elevation) * np.sin(azimuth),
            np.sin(elevation),
        ),
        axis=-1,
    ).reshape(-1, 3)
    low, high = np.array([-4, -3, -height]), np.array([4, 3, 2.6 - height])
    with np.errstate(divide="ignore"):
        reach = np.where(rays > 0, high / rays, low / rays)
    return (rays * reach.min(axis=1)[:, None]).astype(np.float32), (rings, columns)


@pytest.mark.parametrize(("rings", "fov_deg"), [(64, 45), (32, 45), (32, 90), (16, 30)])
def test_a_lidar_keeps_its_floor(rings, fov_deg):
    points, grid = lidar_scan(rings, (fov_deg / 2, -fov_deg / 2))
    assert not is_image(points, grid)
    floors = []
    for shape in (grid, None):
        voxel_map = VoxelMap(frame_filter=FrameFilter(max_range=12.0))
        frame = Frame(points, np.zeros(points.shape, np.uint8), 1, np.eye(4), shape)
        voxel_map.integrate(frame)
        floors.append((np.abs(voxel_map.snapshot().points[:, 2] + 0.6) < 0.03).sum())
    assert floors[0] == floors[1] > 500
