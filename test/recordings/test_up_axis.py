from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import to_frame
from seg3d_ros.recordings.up_axis import find_up, map_from_world_for
from seg3d_ros.scene import Camera
from seg3d_ros.sensing.depth_image import DepthImage

CAMERA = Camera(160, 120, 130.0, 130.0, 79.5, 59.5)
AXES = {"x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1)}


@pytest.mark.parametrize("name", ["x", "-x", "y", "-y", "z", "-z"])
def test_named_axes_become_up(name):
    rotation = map_from_world_for(name)[:3, :3]
    axis = np.array(AXES[name[-1]]) * (-1 if name.startswith("-") else 1)
    np.testing.assert_allclose(rotation @ axis, (0, 0, 1), atol=1e-12)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)


def test_a_world_with_z_up_is_not_touched():
    np.testing.assert_array_equal(map_from_world_for("z"), np.eye(4))


def test_other_names_are_refused():
    with pytest.raises(ValueError, match="up is 'north'"):
        map_from_world_for("north")


@given(
    st.lists(st.floats(-1, 1), min_size=3, max_size=3).filter(lambda v: np.linalg.norm(v) > 0.1)
)
def test_every_direction_can_become_up(direction):
    up = np.array(direction) / np.linalg.norm(direction)
    rotation = map_from_world_for(up)[:3, :3]
    np.testing.assert_allclose(rotation @ up, (0, 0, 1), atol=1e-5)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-5)


def looking_at_a_floor(tilt_deg: float, heading_deg: float) -> tuple[DepthImage, np.ndarray]:
    """A camera 1.5 m above a floor z = 0, with a wall 4 m ahead; world_from_camera, z up."""
    upright = np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0.0]])
    turn = Rotation.from_euler("ZY", [heading_deg, tilt_deg], degrees=True).as_matrix()
    rotation = turn @ upright
    v, u = np.mgrid[0 : CAMERA.height, 0 : CAMERA.width]
    rays = np.stack(
        [(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, np.ones(u.shape)], -1
    )
    world = rays @ rotation.T
    ahead = turn @ (np.cos(np.radians(tilt_deg)), 0, np.sin(np.radians(tilt_deg)))
    with np.errstate(divide="ignore"):
        floor = np.where(world[..., 2] < 0, -1.5 / world[..., 2], np.inf)
        wall = np.where(world @ ahead > 0, 4 / (world @ ahead), np.inf)
    depth = np.minimum(floor, wall).astype(np.float32)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, (0, 0, 1.5)
    color = np.zeros((CAMERA.height, CAMERA.width, 3), np.uint8)
    return DepthImage(color, depth, 1.0, CAMERA), pose


@pytest.mark.parametrize("name", ["x", "-x", "y", "-y", "z", "-z"])
def test_the_axis_is_found_in_images_of_tilted_cameras(name):
    world_from_true = np.linalg.inv(map_from_world_for(name))
    views = [looking_at_a_floor(25, 30 * n) for n in range(6)]
    up = find_up([(image, world_from_true @ pose) for image, pose in views])
    expected = np.array(AXES[name[-1]]) * (-1 if name.startswith("-") else 1)
    np.testing.assert_array_equal(up, expected)


def test_a_world_that_starts_with_a_tilted_camera_is_levelled_all_the_same():
    views = [looking_at_a_floor(30, 10 * n) for n in range(4)]
    first_from_world = np.linalg.inv(views[0][1])
    up = find_up([(image, first_from_world @ pose) for image, pose in views])
    expected = first_from_world[:3, 2]
    assert np.degrees(np.arccos(up @ expected)) < 1


@pytest.mark.parametrize(
    "name",
    ["tum_fr1_rpy_14", "tum_fr3_cabinet_10", "redwood_livingroom_5", "icl_nuim_livingroom_5"],
)
def test_floors_of_real_recordings_are_level_and_below(real_recording, name):
    cloud = []
    for recorded in open_recording(real_recording(name)).frames():
        frame = to_frame(recorded)
        pose = frame.map_from_sensor
        near = frame.points[frame.points[:, 2] < 3.5][::7]
        cloud.append(near @ pose[:3, :3].T + pose[:3, 3])
        assert pose[2, 3] > np.percentile(cloud[-1][:, 2], 10), "the camera is above the floor"
    heights = np.concatenate(cloud)[:, 2]
    count, edges = np.histogram(heights, np.arange(heights.min(), heights.max(), 0.05))
    # A floor or table top that lies level fills its layer far beyond what a slanted one could.
    padded = np.pad(count, 2)
    sharp = (count > np.median(count)) & (count > 2 * np.maximum(padded[:-4], padded[4:]))
    assert sharp[edges[:-1] < np.median(heights)].any()
