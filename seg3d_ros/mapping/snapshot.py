"""Snapshot of a map's voxels as a scene."""

from __future__ import annotations

import numpy as np

from seg3d_ros.kernels import kernel
from seg3d_ros.scene import Float32, Float64, Int64, MapGrid, Scene
from seg3d_ros.sparse.voxel_keys import unpack


def make_scene(
    keys: Int64,
    means: Float32,
    *,
    grid: MapGrid,
    stamp_ns: int,
    ball: tuple[Float64, float] | None = None,
) -> Scene:
    """Scene of voxels, sorted by key.

    Args:
        keys: (N,) int64.
        means: (N, 6) float32, see `VoxelRows`.
        grid: of the keys.
        stamp_ns: of the newest frame.
        ball: center (3,), map frame, and radius, metres, of the part to take; None for all.
    """
    voxel_size = grid.voxel_size
    if ball is None:
        order = np.argsort(keys)
    else:
        center, radius = ball
        local = grid.local_from_map(center)
        rows = np.flatnonzero(_in_ball(keys, means, voxel_size, local, radius))
        order = rows[np.argsort(keys[rows])]
    points, colors = np.empty((2, len(order), 3), np.float32)
    _gather(order, keys, means, voxel_size, points, colors)
    return Scene(points, colors, keys[order], voxel_size, stamp_ns, origin=grid.origin)


@kernel(inline="always")
def _position(keys, means, row, voxel_size):  # type: ignore[no-untyped-def]
    """Mean position of a voxel, local; float64, since 20 km leave float32 no millimetres."""
    x, y, z = unpack(keys[row])
    return (
        (x + np.float64(means[row, 0])) * voxel_size,
        (y + np.float64(means[row, 1])) * voxel_size,
        (z + np.float64(means[row, 2])) * voxel_size,
    )


@kernel
def _in_ball(keys, means, voxel_size, center, radius):  # type: ignore[no-untyped-def]
    inside = np.empty(keys.size, np.bool_)
    for row in range(keys.size):
        x, y, z = _position(keys, means, row, voxel_size)
        dx, dy, dz = x - center[0], y - center[1], z - center[2]
        inside[row] = dx * dx + dy * dy + dz * dz <= radius * radius
    return inside


@kernel
def _gather(order, keys, means, voxel_size, points, colors):  # type: ignore[no-untyped-def]
    for i in range(order.size):
        row = order[i]
        points[i, 0], points[i, 1], points[i, 2] = _position(keys, means, row, voxel_size)
        for k in range(3):
            colors[i, k] = means[row, 3 + k] / np.float32(255)
