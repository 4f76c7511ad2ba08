"""The map: integrating a 640x480 cloud and taking snapshots, beside Open3D and memcpy.

The clouds are views of a rendered corner of a room with every pixel measured, the worst case: a
real depth image has holes. Message layout is that of depth cameras: 32 bytes a point, BGR.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

import numpy as np

from benchmarks.table import Row, measure, print_table
from seg3d_ros.mapping.settings import MapSettings
from seg3d_ros.mapping.voxel_map import VoxelMap
from seg3d_ros.scene import Camera, Float32, Float64, Frame
from seg3d_ros.sensing.depth_image import deproject
from seg3d_ros.sensing.frame_filter import FrameFilter

CAMERA = Camera(640, 480, 525.0, 525.0, 319.5, 239.5)
VIEWS = 12
SIZE = 0.02


def run() -> list[Row]:
    """Measure every stage of the map."""
    frames = [_view(i) for i in range(VIEWS)]
    yardstick = _open3d_ms(frames)
    rows = [
        Row(
            f"integrate 640x480, {label}",
            _integrate_ms(frames, carve=carve),
            "Open3D voxel_down_sample",
            yardstick,
            "filter, transform, hash, means; the yardstick only averages one cloud",
        )
        for label, carve in (("carving off", False), ("carving on", True))
    ]
    return [*rows, _snapshot_row(frames)]


def _view(i: int) -> Frame:
    """A view of a corner between two walls and a floor from a slowly turning camera."""
    yaw = 0.05 * i
    forward = np.array([np.cos(yaw), np.sin(yaw), -0.3]) / np.hypot(1, 0.3)
    right = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
    map_from_camera = np.eye(4)
    map_from_camera[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    depth = _corner_depth(map_from_camera[:3, :3], seed=i)
    message = np.zeros((depth.size, 32), np.uint8)
    message[:, :12] = deproject(depth, CAMERA, depth_unit=1.0).view(np.uint8)
    message[:, 16:19] = np.random.default_rng(i).integers(0, 256, (depth.size, 3), np.uint8)
    return Frame(
        message.view(np.float32)[:, :3],
        message[:, 16:19][:, ::-1],
        i * 33_000_000,
        map_from_camera,
        (CAMERA.height, CAMERA.width),
        CAMERA,
    )


def _corner_depth(map_from_camera: Float64, *, seed: int) -> Float32:
    v, u = np.mgrid[: CAMERA.height, : CAMERA.width]
    rays = [(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, np.ones(u.shape)]
    x, y, z = np.tensordot(map_from_camera, np.stack(rays), axes=1)
    depth = np.minimum(2.5 / np.maximum(x, 0.1), 2.0 / np.maximum(np.abs(y), 0.1))
    depth = np.minimum(depth, 1.2 / np.maximum(-z, 0.1))
    noise = np.random.default_rng(seed).normal(0, 0.0015, depth.shape)
    return (depth + noise * depth**2).astype(np.float32)


def _integrate_ms(frames: list[Frame], *, carve: bool) -> float:
    voxel_map = VoxelMap(MapSettings(voxel_size=SIZE, carve_free_space=carve), FrameFilter())
    stream: Iterator[Frame] = cycle(frames)
    for _ in frames:
        voxel_map.integrate(next(stream))
    return measure(lambda: voxel_map.integrate(next(stream)), repeats=5 * VIEWS)


def _open3d_ms(frames: list[Frame]) -> float | None:
    try:
        import open3d
    except ImportError:
        return None
    clouds = []
    for frame in frames:
        cloud = open3d.geometry.PointCloud()
        cloud.points = open3d.utility.Vector3dVector(frame.points.astype(np.float64))
        cloud.colors = open3d.utility.Vector3dVector(frame.colors / 255)
        clouds.append(cloud)
    stream = cycle(clouds)
    return measure(lambda: next(stream).voxel_down_sample(SIZE), repeats=2 * VIEWS)


def _snapshot_row(frames: list[Frame]) -> Row:
    voxel_map = VoxelMap(MapSettings(voxel_size=SIZE))
    for frame in frames:
        voxel_map.integrate(frame)
    scene = voxel_map.snapshot()
    arrays = (scene.points, scene.colors, scene.element_ids)
    return Row(
        f"snapshot of {len(scene)} voxels",
        measure(voxel_map.snapshot, repeats=20),
        "memcpy of its arrays",
        measure(lambda: [array.copy() for array in arrays], repeats=20),
        "sorted by key",
    )


if __name__ == "__main__":
    print_table(run())
