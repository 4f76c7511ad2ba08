"""Free-space carving on rendered rooms: what is gone vanishes, what stands stays."""

import numpy as np
import pytest

from seg3d_ros.mapping import voxel_map as voxel_map_module
from seg3d_ros.mapping.settings import MapSettings
from seg3d_ros.mapping.voxel_map import VoxelMap
from seg3d_ros.scene import Camera, Frame
from seg3d_ros.sensing.depth_image import deproject
from seg3d_ros.sensing.transforms import matrix_from_pose

CAMERA = Camera(160, 120, 140.0, 140.0, 79.5, 59.5)
ROOM = np.array([[-2.0, -1.5, -1.25], [2.0, 1.5, 1.25]])
BOX = np.array([[0.4, -0.3, -1.25], [0.9, 0.3, -0.5]])
UPPER_BOX = np.array([[0.4, -0.3, -0.85], [0.9, 0.3, -0.5]])  # its foot may leave the image
POLE = np.array([[-0.62, 0.55, -1.25], [-0.58, 0.59, 0.9]])


def looking(position, yaw, pitch=0.25):
    """Pose of an optical frame that looks along a yaw and `pitch` downwards; z is up."""
    forward = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), -np.sin(pitch)])
    right = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    pose[:3, 3] = position
    return pose


def through_slabs(origin, rays, box):
    """Parameters at which rays enter and leave a box."""
    with np.errstate(divide="ignore"):
        at = (box[:, None, :] - origin) / rays
    return at.min(axis=0).max(axis=1), at.max(axis=0).min(axis=1)


def render(pose, boxes, *, seed, noise=0.0, holes=0.0):
    """Depth image of the room from inside, with noise that grows with the square of the depth."""
    rng = np.random.default_rng(seed)
    v, u = np.mgrid[: CAMERA.height, : CAMERA.width]
    rays = np.stack(
        [(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, np.ones(u.shape)], axis=-1
    ).reshape(-1, 3)
    rays = rays @ pose[:3, :3].T + 1e-12
    _, depth = through_slabs(pose[:3, 3], rays, ROOM)
    for box in boxes:
        enters, leaves = through_slabs(pose[:3, 3], rays, box)
        hit = (enters < leaves) & (enters > 0)
        depth = np.where(hit, np.minimum(depth, enters), depth)
    depth += noise * depth**2 * rng.normal(size=depth.shape)
    depth[rng.random(depth.shape) < holes] = 0
    return depth.reshape(CAMERA.height, CAMERA.width).astype(np.float32)


def frame_of(depth, pose, stamp_ns, *, camera=CAMERA):
    points = deproject(depth, CAMERA, depth_unit=1.0)
    grid = (CAMERA.height, CAMERA.width)
    return Frame(points, np.full(points.shape, 90, np.uint8), stamp_ns, pose, grid, camera)


def walk(count, *, seed=0):
    """Poses of a camera that wanders through the room."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        yaw = 0.7 * i
        position = (0.5 * np.sin(0.3 * i) - 1.0, 0.4 * np.cos(0.2 * i) - 0.4, 0.1)
        yield looking(position, yaw, pitch=rng.uniform(-0.2, 0.6))


def jitter(pose, rng):
    """A pose a little off, as an estimated one is: 5 mm and 0.3 degrees."""
    half_angle = rng.normal(0, 0.5 * np.radians(0.3), 3)
    return pose @ matrix_from_pose(rng.normal(0, 0.005, 3), (*half_angle, 1.0))


def voxels_in(voxel_map, box, *, margin=0.0):
    points = voxel_map.snapshot().points
    return ((points > box[0] - margin) & (points < box[1] + margin)).all(axis=1).sum()


def test_a_room_that_stands_still_keeps_its_voxels():
    """Nearly every voxel survives noisy depth with holes and poses that are a little off."""
    maps = [VoxelMap(MapSettings(carve_free_space=carve)) for carve in (True, False)]
    rng = np.random.default_rng(4)
    for i, pose in enumerate(walk(60)):
        depth = render(pose, [BOX, POLE], seed=i, noise=0.002, holes=0.05)
        frame = frame_of(depth, jitter(pose, rng), i)
        for voxel_map in maps:
            voxel_map.integrate(frame)
    carved, kept = (voxel_map.snapshot() for voxel_map in maps)
    lost = np.setdiff1d(kept.element_ids, carved.element_ids)
    assert len(lost) < 0.005 * len(kept)
    pole_voxels = [voxels_in(voxel_map, POLE, margin=0.02) for voxel_map in maps]
    assert pole_voxels[0] >= 0.95 * pole_voxels[1] > 50


@pytest.mark.parametrize("camera", [CAMERA, None])
def test_a_box_that_was_taken_away_vanishes_within_a_few_frames(camera):
    voxel_map = VoxelMap()
    poses = [looking((-1.0, y, 0.0), 0.0, 0.2) for y in np.linspace(-0.3, 0.3, 10)]
    for i, pose in enumerate(poses):
        depth = render(pose, [BOX], seed=i, noise=0.001, holes=0.05)
        voxel_map.integrate(frame_of(depth, pose, i, camera=camera))
    assert voxels_in(voxel_map, UPPER_BOX, margin=0.02) > 500
    carved = 0
    for i, pose in enumerate(poses[:6]):
        depth = render(pose, [], seed=100 + i, noise=0.001, holes=0.05)
        carved += voxel_map.integrate(frame_of(depth, pose, 100 + i, camera=camera)).voxels_carved
    assert voxels_in(voxel_map, UPPER_BOX, margin=0.02) == 0
    assert carved > 500


def stand_before_a_box():
    """A map of the box, and the pose it is seen from."""
    voxel_map, pose = VoxelMap(), looking((-1.0, 0.0, 0.0), 0.0, 0.2)
    voxel_map.integrate(frame_of(render(pose, [BOX], seed=0), pose, 0))
    return voxel_map, pose


def test_invalid_depth_carves_nothing():
    voxel_map, pose = stand_before_a_box()
    for invalid in (0.0, np.nan, np.inf):
        depth = np.full((CAMERA.height, CAMERA.width), invalid, np.float32)
        report = voxel_map.integrate(frame_of(depth, pose, 1))
        assert (report.voxels_carved, report.points_used) == (0, 0)


def carved_by(voxel_map, frame):
    return sum(voxel_map.integrate(frame).voxels_carved for _ in range(8))


def test_carving_can_be_switched_off_while_running():
    voxel_map, pose = stand_before_a_box()
    empty = frame_of(render(pose, [], seed=1), pose, 1)
    voxel_map.settings = MapSettings(carve_free_space=False)
    assert carved_by(voxel_map, empty) == 0
    voxel_map.settings = MapSettings()
    assert carved_by(voxel_map, empty) > 300


def test_without_an_image_nothing_is_carved():
    voxel_map, pose = stand_before_a_box()
    frame = frame_of(render(pose, [], seed=1), pose, 1)
    assert carved_by(voxel_map, Frame(frame.points, frame.colors, 1, pose)) == 0
    other = Camera(320, 60, 140.0, 140.0, 79.5, 59.5)
    assert carved_by(voxel_map, Frame(frame.points, frame.colors, 1, pose, frame.grid, other)) == 0


def test_what_measured_free_space_may_lie_beyond_the_mapped_range():
    voxel_map, pose = stand_before_a_box()
    before = voxels_in(voxel_map, BOX, margin=0.02)
    voxel_map.frame_filter = voxel_map.frame_filter.__class__(max_range=0.5)
    assert carved_by(voxel_map, frame_of(render(pose, [], seed=1), pose, 1)) > 0.8 * before


def test_large_maps_are_carved_in_turns(monkeypatch):
    monkeypatch.setattr(voxel_map_module, "_CARVED_ROWS", 700)
    voxel_map, pose = stand_before_a_box()
    turns = 1 + len(voxel_map) // 700
    empty = render(pose, [], seed=1)
    assert turns > 5
    for i in range(5 * turns):
        voxel_map.integrate(frame_of(empty, pose, 1 + i))
    assert voxels_in(voxel_map, UPPER_BOX, margin=0.02) == 0


def carved_at(shift, *, begun_at_zero=False):
    """Voxels carved out of a box that vanishes, with everything moved by `shift` along x."""
    voxel_map = VoxelMap()
    pose = looking((-1.0, 0.0, 0.0), 0.0, 0.2)
    moved = pose.copy()
    moved[0, 3] += shift
    if begun_at_zero:
        voxel_map.integrate(frame_of(render(pose, [], seed=2), pose, 0))
    voxel_map.integrate(frame_of(render(pose, [BOX], seed=0), moved, 0))
    carved = carved_by(voxel_map, frame_of(render(pose, [], seed=1), moved, 1))
    x = voxel_map.grid.map_from_local(voxel_map.snapshot().points)[:, 0]
    assert (np.abs(x - shift) < 4).any()
    return carved


def test_far_away_it_carves_the_same():
    assert carved_at(20_000.0, begun_at_zero=True) == carved_at(0.0) > 300
    assert carved_at(4_649_776.0) == carved_at(0.0)
