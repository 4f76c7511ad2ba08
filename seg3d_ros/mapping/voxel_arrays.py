"""The voxels of a map as named arrays, and back with every value checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.distinct import distinct
from seg3d_ros.errors import InputError
from seg3d_ros.mapping.voxel_table import VoxelRows
from seg3d_ros.scene import FARTHEST_M, Float64, MapGrid

_ROUNDING = 0.01  # means of points on a voxel's border come out a little beyond it


def arrays_of_rows(
    rows: VoxelRows, grid: MapGrid, newest_stamp_ns: int
) -> dict[str, npt.NDArray[Any]]:
    """Copies of the columns under their names, with the grid and `newest_stamp_ns`."""
    arrays: dict[str, npt.NDArray[Any]] = {
        name: column.copy() for name, column in rows._asdict().items()
    }
    arrays["voxel_size"] = np.array(grid.voxel_size, np.float64)
    arrays["origin"] = np.array(grid.origin, np.float64)
    arrays["newest_stamp_ns"] = np.array(newest_stamp_ns, np.int64)
    return arrays


def rows_of_arrays(
    arrays: Mapping[str, npt.NDArray[Any]], *, voxel_size: float, max_voxels: int
) -> tuple[VoxelRows, MapGrid, int]:
    """Check what `arrays_of_rows` gave, for a map with these settings.

    Returns:
        The rows, their grid, and the newest stamp, nanoseconds.

    Raises:
        InputError: an array is missing or has another type or shape than it should, a value
            makes no sense, a key comes twice, the voxel size differs, or there are too many.
    """
    saved_size = float(_checked(arrays, "voxel_size", np.dtype(np.float64), ()))
    if saved_size != voxel_size:
        raise InputError(
            f"the map was saved with voxels of {saved_size} m, this one has {voxel_size} m; "
            "set map.voxel_size to the saved one"
        )
    count = len(_checked(arrays, "keys", np.dtype(np.int64), (None,)))
    if count > max_voxels:
        raise InputError(f"the map has {count} voxels; map.max_voxels allows {max_voxels}")
    like = VoxelRows.empty(0)
    rows = VoxelRows(
        *(
            _checked(arrays, name, column.dtype, (count, *column.shape[1:]))
            for name, column in like._asdict().items()
        )
    )
    _check_values(rows)
    stamp_ns = int(_checked(arrays, "newest_stamp_ns", np.dtype(np.int64), ()))
    return rows, MapGrid(voxel_size, _origin(arrays)), stamp_ns


def _origin(arrays: Mapping[str, npt.NDArray[Any]]) -> Float64:
    """Origin of the map; zero in the files of version 1, which have none."""
    if "origin" not in arrays:
        return np.zeros(3)
    origin = _checked(arrays, "origin", np.dtype(np.float64), (3,))
    if not _within(origin, -FARTHEST_M, FARTHEST_M):
        raise InputError(f"the map is damaged: its origin is {origin.tolist()}")
    return origin


def _checked(
    arrays: Mapping[str, npt.NDArray[Any]],
    name: str,
    dtype: np.dtype[Any],
    shape: tuple[int | None, ...],
) -> npt.NDArray[Any]:
    """The array, if it has this type and shape; None in the shape is any length."""
    if name not in arrays:
        raise InputError(f"the map has no array {name!r}; it was not saved by this package")
    array = arrays[name]
    fits = array.ndim == len(shape) and all(
        expected in (None, actual) for expected, actual in zip(shape, array.shape, strict=True)
    )
    if array.dtype != dtype or not fits:
        raise InputError(
            f"array {name!r} of the map is {array.dtype} {array.shape}, expected {dtype} {shape}"
        )
    return array


def _check_values(rows: VoxelRows) -> None:
    """Comparisons are written as "inside the range", so that NaN fails by itself."""
    offsets, colors = rows.means[:, :3], rows.means[:, 3:]
    checks = {
        "keys are negative": (rows.keys >= 0).all(),
        "keys come twice": len(distinct(rows.keys)) == len(rows.keys),
        "positions lie outside their voxels": _within(offsets, -_ROUNDING, 1 + _ROUNDING),
        "colours lie outside 0 to 255": _within(colors, -_ROUNDING, 255 + _ROUNDING),
        "weights are not positive and finite": _within(rows.weights, 1e-6, 1e9),
    }
    for complaint, fine in checks.items():
        if not fine:
            raise InputError(f"the map is damaged: {complaint}")


def _within(values: npt.NDArray[Any], low: float, high: float) -> bool:
    return bool(((values >= low) & (values <= high)).all())
