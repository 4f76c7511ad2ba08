"""Free-space carving: voxels that a newer depth view looks through lose weight and vanish."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from seg3d_ros.mapping.frame_filter import PAD
from seg3d_ros.mapping.transforms import invert
from seg3d_ros.mapping.voxel_table import remove_row
from seg3d_ros.scene import Camera, Float64
from seg3d_ros.sparse.voxel_keys import unpack

# Weight that a voxel keeps each time it is seen through: even a well-known one is gone after
# four views, and one wrong view is made good by the next hit.
_KEPT_PART = 0.25

# What is measured must lie this far behind a voxel: some voxels for its extent and for errors of
# the pose, and a part that grows like the noise of structured light and stereo, with the square
# of the range (three times the axial noise of Nguyen et al., 3DIMPVT 2012).
_MARGIN_VOXELS = 3.0
_MARGIN_PER_RANGE = 0.02
_MARGIN_PER_RANGE2 = 0.006

_NEAREST_Z = 0.05  # metres; nearer voxels project too far apart
_WINDOW = 3  # samples each way around the pixel that have to agree


class DepthView(NamedTuple):
    """A pinhole view of the map.

    Attributes:
        sensor_from_grid: (3, 4) row by row: map in voxel edges to optical frame in metres.
        fx, fy, cx, cy: intrinsics, pixels.
        voxel_size: metres.
        stamp_ns: time of the view.
    """

    sensor_from_grid: tuple[float, ...]
    fx: float
    fy: float
    cx: float
    cy: float
    voxel_size: float
    stamp_ns: int


def depth_view(
    camera: Camera, map_from_sensor: Float64, *, voxel_size: float, stamp_ns: int
) -> DepthView:
    """Prepare a camera and its pose (4, 4) for `carve`."""
    sensor_from_grid = invert(map_from_sensor)[:3]
    sensor_from_grid[:, :3] *= voxel_size
    return DepthView(
        tuple(sensor_from_grid.ravel().tolist()),
        camera.fx,
        camera.fy,
        camera.cx,
        camera.cy,
        voxel_size,
        stamp_ns,
    )


@numba.njit(inline="always", cache=True)
def _window_is_clear(ranges, v, u, step, limit):  # type: ignore[no-untyped-def]
    """Do all measured pixels around (v, u) lie beyond the squared range, and most are measured?"""
    measured = 0
    for dv in range(-_WINDOW, _WINDOW + 1):
        for du in range(-_WINDOW, _WINDOW + 1):
            row = min(max(v + dv * step, 0), ranges.shape[0] - 1)
            column = min(max(u + du * step, 0), ranges.shape[1] - 1)
            squared = ranges[row, column]
            if 0 < squared <= limit:
                return False
            measured += squared > 0
    return 2 * measured > (2 * _WINDOW + 1) ** 2


@numba.njit(inline="always", cache=True)
def _is_seen_through(key, ranges, view):  # type: ignore[no-untyped-def]
    m = view.sensor_from_grid
    i, j, k = unpack(key)
    x, y, z = i + 0.5, j + 0.5, k + 0.5
    depth = m[8] * x + m[9] * y + m[10] * z + m[11]
    if depth < _NEAREST_Z:
        return False
    right = m[0] * x + m[1] * y + m[2] * z + m[3]
    down = m[4] * x + m[5] * y + m[6] * z + m[7]
    closeness = 1 / depth
    u = view.fx * right * closeness + view.cx + 0.5
    v = view.fy * down * closeness + view.cy + 0.5
    height, width = ranges.shape[0] - 2 * PAD, ranges.shape[1] - 2 * PAD
    if not (0 <= u < width and 0 <= v < height):
        return False
    row, column = np.int64(v) + PAD, np.int64(u) + PAD
    squared = right * right + down * down + depth * depth
    if ranges[row, column] <= squared:
        return False
    distance = np.sqrt(squared)
    margin = (
        _MARGIN_VOXELS * view.voxel_size
        + _MARGIN_PER_RANGE * distance
        + _MARGIN_PER_RANGE2 * squared
    )
    limit = (distance + margin) ** 2
    if ranges[row, column] <= limit:
        return False
    half_extent = 0.5 * abs(view.fx) * view.voxel_size * closeness
    return _window_is_clear(ranges, row, column, 1 + np.int64(half_extent), limit)


@numba.njit(nogil=True, cache=True)
def carve(ranges, view, rows, index, count, first, end):  # type: ignore[no-untyped-def]
    """Take weight from the voxels in rows `first` to `end` that a view looks through.

    `ranges` is the padded image of squared ranges of the `view`; 0, nothing measured, carves
    nothing. `rows`, `index` and `count` are those of a VoxelTable.

    Returns:
        Number of voxels afterwards.
    """
    for row in range(end - 1, first - 1, -1):  # what moves into a gap has had its turn
        if not _is_seen_through(rows.keys[row], ranges, view):
            continue
        if rows.last_seen[row] == view.stamp_ns:  # also hit by this very frame
            continue
        rows.weights[row] *= np.float32(_KEPT_PART)
        if rows.weights[row] < 1:
            count = remove_row(rows, index, count, row)
    return count
