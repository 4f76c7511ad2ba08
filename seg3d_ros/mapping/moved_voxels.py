"""Voxels of a map file moved to another place of the fixed frame.

They are averaged anew in the grid of the new place. Turned points fall two into some of its voxels
and none into others, so that a turned map has fewer of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.scene import Float64, Int64, MapGrid
from seg3d_ros.sensing.transforms import transformed
from seg3d_ros.sparse.hash_index import build_index, find_rows
from seg3d_ros.sparse.voxel_keys import pack_keys, unpack_keys

Arrays = Mapping[str, npt.NDArray[Any]]


class MovedVoxels:
    """Voxels of a file, and the ids that its elements have in the new place.

    Attributes:
        arrays: of the moved voxels, as in the file.
    """

    def __init__(self, voxels: Arrays, map_from_file: Float64, grid: MapGrid) -> None:
        """Move all voxels.

        Args:
            voxels: arrays of a file, known to be sound.
            map_from_file: (4, 4) rigid transform.
            grid: of the moved voxels; of the file's voxel size.

        Raises:
            InputError: a voxel is moved beyond the reach of the grid.
        """
        self._keys, self._origin = voxels["keys"], voxels.get("origin", np.zeros(3))
        self._map_from_file, self._grid = map_from_file, grid
        self._moved_keys, offsets = self._moved(self._keys, voxels["means"][:, :3])
        self.arrays = _merged(voxels, self._moved_keys, offsets, grid)

    def ids(self, element_ids: Int64) -> Int64:
        """Ids (N,) in the new place of elements of the file, those that left its map too."""
        rows = find_rows(build_index(self._keys), element_ids)
        # Of an element without a voxel all that is known is its cell.
        of_cells, _ = self._moved(element_ids, np.full((len(element_ids), 3), 0.5))
        return np.where(rows >= 0, self._moved_keys[rows], of_cells)

    def _moved(self, keys: Int64, within: Float64) -> tuple[Int64, Float64]:
        """Keys (N,) of points that lie at a place (N, 3) in their cells, and their new places."""
        points = (unpack_keys(keys) + within) * self._grid.voxel_size + self._origin
        moved = transformed(np.asarray(points, np.float64), self._map_from_file)
        scaled = self._grid.local_from_map(moved) / self._grid.voxel_size
        cells = np.floor(scaled)
        return pack_keys(cells.astype(np.int64)), scaled - cells


def _merged(
    voxels: Arrays, moved_keys: Int64, offsets: Float64, grid: MapGrid
) -> dict[str, npt.NDArray[Any]]:
    """Voxels that fall together averaged by their weights."""
    order = np.argsort(moved_keys, kind="stable")
    keys, starts = np.unique(moved_keys[order], return_index=True)
    weights = voxels["weights"][order].astype(np.float64)
    values = np.column_stack([offsets, voxels["means"][:, 3:]])[order]
    total = np.add.reduceat(weights, starts) if len(keys) else weights
    sums = np.add.reduceat(values * weights[:, None], starts) if len(keys) else values
    last_seen = voxels["last_seen"][order]
    return {
        **voxels,
        "keys": keys,
        "means": (sums / total[:, None]).astype(np.float32),
        "weights": total.astype(np.float32),
        "last_seen": np.maximum.reduceat(last_seen, starts) if len(keys) else last_seen,
        "origin": np.array(grid.origin, np.float64),
    }
