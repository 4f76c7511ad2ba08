"""Voxel keys: the three integer coordinates of a voxel packed into one int64.

Each axis takes 21 bits with its zero in the middle, so a key covers ±1,048,576 voxels an axis:
±20.97 km at 2 cm. Keys order voxels by x, then y, then z, and the key of a neighbour is the
key plus a constant (`key_step`), as long as neither touches the border of that range.
"""

from __future__ import annotations

import numpy as np

from seg3d_ros.errors import InputError
from seg3d_ros.kernels import kernel
from seg3d_ros.scene import Float32, Float64, Int64

AXIS_BITS = 21
AXIS_LIMIT = 1 << (AXIS_BITS - 1)  # coordinates lie in [-AXIS_LIMIT, AXIS_LIMIT)
_MASK = (1 << AXIS_BITS) - 1


@kernel(inline="always")
def pack(x, y, z):  # type: ignore[no-untyped-def]
    """Key of one voxel; coordinates must lie in [-AXIS_LIMIT, AXIS_LIMIT)."""
    return (
        ((x + AXIS_LIMIT) << (2 * AXIS_BITS)) | ((y + AXIS_LIMIT) << AXIS_BITS) | (z + AXIS_LIMIT)
    )


@kernel(inline="always")
def unpack(key):  # type: ignore[no-untyped-def]
    """Coordinates (x, y, z) of one key."""
    return (
        (key >> (2 * AXIS_BITS)) - AXIS_LIMIT,
        ((key >> AXIS_BITS) & _MASK) - AXIS_LIMIT,
        (key & _MASK) - AXIS_LIMIT,
    )


def key_step(dx: int, dy: int, dz: int) -> int:
    """Difference of two keys that lie (dx, dy, dz) voxels apart."""
    return (dx << (2 * AXIS_BITS)) + (dy << AXIS_BITS) + dz


def pack_keys(coordinates: Int64) -> Int64:
    """Pack (N, 3) integer voxel coordinates into (N,) keys.

    Raises:
        ValueError: a coordinate lies outside [-AXIS_LIMIT, AXIS_LIMIT).
    """
    coordinates = np.asarray(coordinates, np.int64)
    if coordinates.size and not (
        coordinates.min() >= -AXIS_LIMIT and coordinates.max() < AXIS_LIMIT
    ):
        raise InputError(
            f"voxel coordinates span {coordinates.min()} to {coordinates.max()}; "
            f"a key holds -{AXIS_LIMIT} to {AXIS_LIMIT - 1}"
        )
    x, y, z = (coordinates[:, axis] + AXIS_LIMIT for axis in range(3))
    return (x << (2 * AXIS_BITS)) | (y << AXIS_BITS) | z


def unpack_keys(keys: Int64) -> Int64:
    """Unpack (N,) keys into (N, 3) int64 voxel coordinates."""
    return np.stack(unpack_columns(keys), axis=1)


def unpack_columns(keys: Int64) -> tuple[Int64, Int64, Int64]:
    """Unpack (N,) keys into three (N,) coordinate columns."""
    return (
        (keys >> (2 * AXIS_BITS)) - AXIS_LIMIT,
        ((keys >> AXIS_BITS) & _MASK) - AXIS_LIMIT,
        (keys & _MASK) - AXIS_LIMIT,
    )


def keys_of_points(points: Float32 | Float64, voxel_size: float) -> Int64:
    """Keys of the voxels that (N, 3) points in metres fall into: floor(point / voxel_size).

    Raises:
        ValueError: a point is not finite or lies outside the range of a key.
    """
    keys = np.empty(len(points), np.int64)
    if _fill_keys(np.ascontiguousarray(points), float(voxel_size), keys):
        return keys
    scaled = np.floor(np.asarray(points, np.float64) / voxel_size)  # only to say what is wrong
    if not np.isfinite(scaled).all():
        raise InputError("points hold NaN or infinity; remove them before taking voxel keys")
    # Clipped, because casting a float beyond int64 may give any number.
    return pack_keys(np.clip(scaled, -2 * AXIS_LIMIT, 2 * AXIS_LIMIT).astype(np.int64))


@kernel
def _fill_keys(points, voxel_size, keys):  # type: ignore[no-untyped-def]
    """Keys of points; False at the first that has none."""
    for i in range(len(points)):
        x = np.floor(np.float64(points[i, 0]) / voxel_size)
        y = np.floor(np.float64(points[i, 1]) / voxel_size)
        z = np.floor(np.float64(points[i, 2]) / voxel_size)
        # Written as "inside the range", so that NaN fails by itself.
        if not (
            -AXIS_LIMIT <= x < AXIS_LIMIT
            and -AXIS_LIMIT <= y < AXIS_LIMIT
            and -AXIS_LIMIT <= z < AXIS_LIMIT
        ):
            return False
        keys[i] = pack(np.int64(x), np.int64(y), np.int64(z))
    return True
