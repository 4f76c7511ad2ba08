"""Free-space carving: voxels that a newer depth view looks through lose weight and vanish."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seg3d_ros.kernels import kernel
from seg3d_ros.mapping.voxel_table import remove_row
from seg3d_ros.scene import Camera, Float64
from seg3d_ros.sensing.frame_filter import PAD
from seg3d_ros.sparse.voxel_keys import AXIS_BITS, AXIS_LIMIT

# Weight that a voxel keeps each time it is seen through: even a well-known one is gone after
# four views, and one wrong view is made good by the next hit.
_KEPT_PART = 0.25

# What is measured must lie this far behind a voxel: some voxels for its extent and for errors of
# the pose, and a part that grows like the noise of structured light and stereo, with the square
# of the range (three times the axial noise of Nguyen et al., 3DIMPVT 2012).
_MARGIN_VOXELS = 3.0
_MARGIN_PER_RANGE = 0.02
_MARGIN_PER_RANGE2 = 0.006

_NEAREST_Z = np.float32(0.05)  # metres; nearer voxels project too far apart
_WINDOW = 3  # samples each way around the pixel that have to agree
_CHUNK = 256  # voxels projected at a time
_KEY_MASK = (1 << AXIS_BITS) - 1


class DepthView(NamedTuple):
    """A pinhole view of the map.

    Voxels are counted from the one the sensor is in, so that float32 is exact enough anywhere.

    Attributes:
        anchor: voxel of the sensor, as the three fields of a key.
        sensor_from_anchor: (3, 4) row by row: voxels from the anchor to optical frame in metres.
        intrinsics: fx, fy, cx, cy, pixels; pixel i reaches from i to i + 1.
        voxel_size: metres.
        stamp_ns: time of the view.
    """

    anchor: tuple[np.int32, ...]
    sensor_from_anchor: tuple[np.float32, ...]
    intrinsics: tuple[np.float32, ...]
    voxel_size: np.float32
    stamp_ns: np.int64


def depth_view(
    camera: Camera, local_from_sensor: Float64, *, voxel_size: float, stamp_ns: int
) -> DepthView:
    """Prepare a camera and its pose (4, 4), in the local coordinates of the map, for `carve`."""
    position = local_from_sensor[:3, 3] / voxel_size
    anchor = np.clip(np.floor(position), -AXIS_LIMIT, AXIS_LIMIT)
    rotation = local_from_sensor[:3, :3].T * voxel_size
    to_center = rotation @ (anchor + 0.5 - position)
    intrinsics = (camera.fx, camera.fy, camera.cx + 0.5, camera.cy + 0.5)
    with np.errstate(over="ignore"):  # absurd values become infinite, and see nothing
        return DepthView(
            tuple((anchor + AXIS_LIMIT).astype(np.int32)),
            tuple(np.column_stack([rotation, to_center]).astype(np.float32).ravel()),
            tuple(np.float32(value) for value in intrinsics),
            np.float32(voxel_size),
            np.int64(stamp_ns),
        )


@kernel
def _project(keys, view, ranges, pixels, limits):  # type: ignore[no-untyped-def]
    """Project voxels into the image, and bound the measured depth that sees through them.

    Free of branches, so that the compiler makes vector code of it.

    Args:
        keys: (M,) int64.
        view: DepthView.
        ranges: padded image of squared ranges.
        pixels: (M,) int32, written: index into the flat padded image, 0 outside the image.
        limits: (M,) float32, written: squared range of the voxel and its margin, m².
    """
    m, anchor = view.sensor_from_anchor, view.anchor
    fx, fy, cx, cy = view.intrinsics
    stride = np.int32(ranges.shape[1])
    width = np.float32(ranges.shape[1] - 2 * PAD)
    height = np.float32(ranges.shape[0] - 2 * PAD)
    nearest = np.float32(_MARGIN_VOXELS) * view.voxel_size
    for n in range(keys.size):
        key = keys[n]
        i = np.float32(np.int32(key >> (2 * AXIS_BITS)) - anchor[0])
        j = np.float32(np.int32((key >> AXIS_BITS) & _KEY_MASK) - anchor[1])
        k = np.float32(np.int32(key & _KEY_MASK) - anchor[2])
        x = m[0] * i + m[1] * j + m[2] * k + m[3]
        y = m[4] * i + m[5] * j + m[6] * k + m[7]
        z = m[8] * i + m[9] * j + m[10] * k + m[11]
        closeness = np.float32(1) / max(z, _NEAREST_Z)
        u = fx * x * closeness + cx
        v = fy * y * closeness + cy
        inside = (z > _NEAREST_Z) & (u >= 0) & (u < width) & (v >= 0) & (v < height)
        column = np.int32(min(max(u, np.float32(0)), width)) + np.int32(PAD)
        row = np.int32(min(max(v, np.float32(0)), height)) + np.int32(PAD)
        pixels[n] = row * stride + column if inside else np.int32(0)
        squared = x * x + y * y + z * z
        distance = np.sqrt(squared)
        limit = (
            distance
            + nearest
            + np.float32(_MARGIN_PER_RANGE) * distance
            + np.float32(_MARGIN_PER_RANGE2) * squared
        )
        limits[n] = limit * limit


@kernel(inline="always")
def _window_is_clear(ranges, pixel, step, limit):  # type: ignore[no-untyped-def]
    """Is every measured pixel around beyond the squared range, and most of them measured?"""
    v, u = pixel // ranges.shape[1], pixel % ranges.shape[1]
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


@kernel
def carve(ranges, view, rows, index, count, first, end):  # type: ignore[no-untyped-def]
    """Take weight from the voxels in rows `first` to `end` that a view looks through.

    `ranges` is the padded image of squared ranges of the `view`; 0, nothing measured, carves
    nothing. `rows`, `index` and `count` are those of a VoxelTable.

    Returns:
        Number of voxels afterwards.
    """
    pixels = np.empty(_CHUNK, np.int32)
    limits = np.empty(_CHUNK, np.float32)
    flat = ranges.ravel()
    half_extent = np.float32(0.5) * abs(view.intrinsics[0]) * view.voxel_size
    # Downwards, because the last row moves into the gap of a removed one: it has had its turn.
    for stop in range(end, first, -_CHUNK):
        start = max(first, stop - _CHUNK)
        _project(rows.keys[start:stop], view, ranges, pixels, limits)
        for row in range(stop - 1, start - 1, -1):
            pixel, limit = pixels[row - start], limits[row - start]
            # A voxel that this very frame has hit is there, whatever the window says.
            if flat[pixel] <= limit or rows.last_seen[row] == view.stamp_ns:
                continue
            step = 1 + np.int64(half_extent / np.sqrt(limit))
            if not _window_is_clear(ranges, pixel, step, limit):
                continue
            rows.weights[row] *= np.float32(_KEPT_PART)
            if rows.weights[row] < 1:
                count = remove_row(rows, index, count, row)
    return count
