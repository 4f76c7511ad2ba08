"""Voxels of a map in flat arrays, with a hash index over their keys."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seg3d_ros.kernels import kernel
from seg3d_ros.scene import Float32, Int64
from seg3d_ros.sparse.hash_index import (
    build_index,
    capacity_for,
    cell_of,
    remove,
)

_FIRST_CAPACITY = 1 << 15
_EVICTED_PART = 0.02  # of the bound at once: choosing them costs a pass over all


class VoxelRows(NamedTuple):
    """One row a voxel; only the first `count` rows of a table mean something.

    Attributes:
        keys: (C,) int64.
        means: (C, 6) float32, mean position from the voxel's lower corner in voxel edges, then
            mean RGB, 0 to 255. Side by side, because they are always written together.
        weights: (C,) float32, observations behind the means.
        last_seen: (C,) int64, stamp of the newest observation, nanoseconds.
    """

    keys: Int64
    means: Float32
    weights: Float32
    last_seen: Int64

    @staticmethod
    def empty(capacity: int) -> VoxelRows:
        """Rows that hold nothing yet."""
        return VoxelRows(
            np.empty(capacity, np.int64),
            np.empty((capacity, 6), np.float32),
            np.empty(capacity, np.float32),
            np.empty(capacity, np.int64),
        )

    def first(self, count: int) -> VoxelRows:
        """Views of the first rows."""
        return VoxelRows(
            self.keys[:count],
            self.means[:count],
            self.weights[:count],
            self.last_seen[:count],
        )


class VoxelTable:
    """Growing storage of at most `bound` voxels. Not thread-safe: its map holds the lock.

    Attributes:
        rows: the voxels; compiled loops append to it and report the new `count`.
        index: row of each key.
        count: number of voxels.
    """

    def __init__(self, bound: int, rows: VoxelRows | None = None) -> None:
        """Make a table of these rows: copied, their keys unique, not more than `bound`."""
        self.bound = bound
        used = rows or VoxelRows.empty(0)
        self._move_to(used, max(len(used.keys), min(_FIRST_CAPACITY, bound)))

    def used(self) -> VoxelRows:
        """Views of the rows in use."""
        return self.rows.first(self.count)

    def set_bound(self, bound: int) -> None:
        """Change the bound; what is then too much is evicted at once."""
        self.bound = bound
        if self.count > bound:
            self._evict(self.count - bound)
        if len(self.rows.keys) > bound:
            self._move_to(self.used(), bound)

    def make_room(self) -> int:
        """Make at least one row free: grow up to the bound, then evict the longest unseen.

        Returns:
            Number of voxels evicted.
        """
        capacity = len(self.rows.keys)
        if capacity < self.bound:
            self._move_to(self.used(), min(2 * capacity, self.bound))
            return 0
        return self._evict(max(1, int(_EVICTED_PART * self.bound)))

    def _move_to(self, used: VoxelRows, capacity: int) -> None:
        self.count = len(used.keys)
        self.rows = VoxelRows.empty(capacity)
        self.rows.keys[: self.count] = used.keys
        self.rows.means[: self.count] = used.means
        self.rows.weights[: self.count] = used.weights
        self.rows.last_seen[: self.count] = used.last_seen
        self.index = build_index(used.keys, capacity=capacity_for(capacity))

    def _evict(self, number: int) -> int:
        last_seen = self.used().last_seen
        unseen = np.argpartition(last_seen, number - 1)[:number]
        # From the last row on: what moves into a gap is then a voxel that stays.
        descending = np.sort(unseen)[::-1]
        self.count = _remove_rows(self.rows, self.index, self.count, descending)
        return number


@kernel
def remove_row(rows, index, count, row):  # type: ignore[no-untyped-def]
    """Take a voxel out; the last one moves into its row. Returns the new count."""
    remove(index.table_keys, index.table_rows, rows.keys[row])
    last = count - 1
    if row != last:
        rows.keys[row] = rows.keys[last]
        for i in range(rows.means.shape[1]):  # a whole row takes seconds to compile
            rows.means[row, i] = rows.means[last, i]
        rows.weights[row] = rows.weights[last]
        rows.last_seen[row] = rows.last_seen[last]
        index.table_rows[cell_of(index.table_keys, rows.keys[row])] = row
    return last


@kernel
def _remove_rows(rows, index, count, descending):  # type: ignore[no-untyped-def]
    for row in descending:
        count = remove_row(rows, index, count, row)
    return count
