"""The compiled pass that takes a frame into the map: filter, transform, hash, average."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seg3d_ros.kernels import kernel
from seg3d_ros.scene import Float32, Frame, Int64, MapGrid, UInt8
from seg3d_ros.sensing.frame_filter import (
    PAD,
    FrameFilter,
    RangeLimits,
    keep_row,
    range_limits,
)
from seg3d_ros.sparse.hash_index import EMPTY, cell_of
from seg3d_ros.sparse.voxel_keys import AXIS_LIMIT, pack

_SLOT_BITS = 11  # 80 KB of sums stay in the cache; twice as many slots save little
_COUNT = 6  # column of `Pending.sums`


class Measured(NamedTuple):
    """The points of a frame.

    Attributes:
        points: (N, 3) float32, sensor frame, metres.
        colors: (N, 3) uint8 RGB.
        ranges: padded image of squared ranges, see `range_image`.
    """

    points: Float32
    colors: UInt8
    ranges: Float32


class PassParameters(NamedTuple):
    """Parameters of the pass over a frame. Tuples, because compiled code keeps them in registers.

    Attributes:
        grid_from_sensor: (3, 4) row by row: sensor frame in metres to map in voxel edges.
        crop_low: lower corner of the mapped box, voxel edges.
        crop_high: upper corner of the mapped box, voxel edges.
        limits: ranges and edges that are kept.
        max_weight: bound of a voxel's weight; keeps its mean adaptive.
        stamp_ns: time of the frame.
    """

    grid_from_sensor: tuple[float, ...]
    crop_low: tuple[float, ...]
    crop_high: tuple[float, ...]
    limits: RangeLimits
    max_weight: np.float32
    stamp_ns: np.int64


class Pending(NamedTuple):
    """Sums over points on their way into the map, one slot a voxel.

    The four or more image rows that a voxel spans are added up here, close to the processor,
    before the voxel is looked up in the map once.

    Attributes:
        keys: (S,) int64, EMPTY in free slots.
        sums: (S, 8) float32: offset x, y, z, red, green, blue, number of points; the
            eighth column only aligns the slots.
    """

    keys: Int64
    sums: Float32

    @staticmethod
    def empty() -> Pending:
        """Slots without a point."""
        size = 1 << _SLOT_BITS
        return Pending(np.full(size, EMPTY, np.int64), np.zeros((size, 8), np.float32))


def pass_parameters(
    frame: Frame,
    frame_filter: FrameFilter,
    grid: MapGrid,
    *,
    max_weight: float,
    organised: bool,
) -> PassParameters:
    """Prepare a frame for `integrate_points`.

    Args:
        frame: what was measured.
        frame_filter: which points are kept.
        grid: of the map.
        max_weight: bound of a voxel's weight.
        organised: the points are an image, in which neighbours may be a depth edge.
    """
    grid_from_sensor = grid.local_from_sensor(frame.map_from_sensor)[:3] / grid.voxel_size
    low, high = grid.local_from_map(frame_filter.crop_box()) / grid.voxel_size
    return PassParameters(
        tuple(grid_from_sensor.ravel().tolist()),
        tuple(low.tolist()),
        tuple(high.tolist()),
        range_limits(frame_filter, organised=organised),
        np.float32(max_weight),
        np.int64(frame.stamp_ns),
    )


@kernel(inline="always")
def _to_grid(points, i, m):  # type: ignore[no-untyped-def]
    x, y, z = np.float64(points[i, 0]), np.float64(points[i, 1]), np.float64(points[i, 2])
    return (
        m[0] * x + m[1] * y + m[2] * z + m[3],
        m[4] * x + m[5] * y + m[6] * z + m[7],
        m[8] * x + m[9] * y + m[10] * z + m[11],
    )


@kernel(inline="always")
def _in_box(x, y, z, low, high):  # type: ignore[no-untyped-def]
    return (
        (low[0] <= x)
        & (x < high[0])
        & (low[1] <= y)
        & (y < high[1])
        & (low[2] <= z)
        & (z < high[2])
    )


@kernel(inline="always")
def _slot_of(key):  # type: ignore[no-untyped-def]
    mixed = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    return np.int64(mixed >> np.uint64(64 - _SLOT_BITS))


@kernel(inline="always")
def _fold(pending, slot, parameters, rows, index, count):  # type: ignore[no-untyped-def]
    """Average a slot into its voxel and free it.

    Returns:
        Number of voxels afterwards, -1 when the voxel is new and no row is free.
    """
    key = pending.keys[slot]
    if key == EMPTY:
        return count
    cell = cell_of(index.table_keys, key)
    row = np.int64(index.table_rows[cell])
    if index.table_keys[cell] != key:
        if count == rows.keys.size:
            return np.int64(-1)
        row = count
        count += 1
        index.table_keys[cell] = key
        index.table_rows[cell] = row
        rows.keys[row] = key
        rows.weights[row] = 0
        for k in range(_COUNT):
            rows.means[row, k] = 0
    number = pending.sums[slot, _COUNT]
    weight = rows.weights[row] + number
    part = np.float32(1) / weight
    for k in range(_COUNT):
        rows.means[row, k] += part * (pending.sums[slot, k] - number * rows.means[row, k])
    rows.weights[row] = min(weight, parameters.max_weight)
    rows.last_seen[row] = parameters.stamp_ns
    pending.keys[slot] = EMPTY
    return count


@kernel
def fold_all(pending, parameters, rows, index, count):  # type: ignore[no-untyped-def]
    """Average every slot into its voxel.

    Returns:
        (done, count): False when no row was free for a new voxel (make room and call again),
        and the number of voxels afterwards.
    """
    for slot in range(pending.keys.size):
        after = _fold(pending, slot, parameters, rows, index, count)
        if after < 0:
            return False, count
        count = after
    return True, count


@kernel(inline="always")
def _collect(pending, slot, offset, colors, i):  # type: ignore[no-untyped-def]
    for k in range(3):
        pending.sums[slot, k] += np.float32(offset[k])
        pending.sums[slot, 3 + k] += np.float32(colors[i, k])
    pending.sums[slot, _COUNT] += np.float32(1)


@kernel
def integrate_points(measured, parameters, pending, rows, index, count, start):  # type: ignore[no-untyped-def]
    """Take the points of a frame in, from point `start` on; the last ones stay in `pending`.

    Returns:
        (next, count, used, outside): the point that found no free row for a voxel (make room
        and go on from there) or the number of points; voxels afterwards; points taken in;
        points beyond the range of a key.
    """
    number = measured.points.shape[0]
    width = measured.ranges.shape[1] - 2 * PAD
    keep = np.empty(width, np.bool_)
    used = 0
    outside = 0
    for v in range(start // width, number // width):
        keep_row(measured.ranges, v, parameters.limits, keep)
        first = v * width  # slices of arrays take seconds to compile
        for i in range(max(start, first), first + width):
            if not keep[i - first]:
                continue
            x, y, z = _to_grid(measured.points, i, parameters.grid_from_sensor)
            if not _in_box(x, y, z, parameters.crop_low, parameters.crop_high):
                continue
            vx, vy, vz = np.floor(x), np.floor(y), np.floor(z)
            if not (min(vx, vy, vz) >= -AXIS_LIMIT and max(vx, vy, vz) < AXIS_LIMIT):
                outside += 1
                continue
            key = pack(np.int64(vx), np.int64(vy), np.int64(vz))
            slot = _slot_of(key)
            if pending.keys[slot] != key:
                after = _fold(pending, slot, parameters, rows, index, count)
                if after < 0:
                    return i, count, used, outside
                count = after
                pending.keys[slot] = key
                for k in range(_COUNT + 1):
                    pending.sums[slot, k] = 0
            _collect(pending, slot, (x - vx, y - vy, z - vz), measured.colors, i)
            used += 1
    return number, count, used, outside
