"""A hash index from voxel key to row number, for compiled loops.

The table is two flat arrays with linear probing: `table_keys` (capacity,) int64 with EMPTY in
free cells and `table_rows` (capacity,) int32. The capacity is a power of two at least twice the
number of keys, so that a search ends within a few neighbouring cells.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seg3d_ros.kernels import kernel
from seg3d_ros.scene import Int64
from seg3d_ros.sparse.voxel_keys import AXIS_BITS, key_step

EMPTY = -1  # keys are never negative
_IN_BLOCK = key_step(1, 1, 1)  # lowest bit of each axis


class HashIndex(NamedTuple):
    """Key → row table; a NamedTuple of arrays so that compiled functions take it as it is."""

    table_keys: Int64
    table_rows: npt.NDArray[np.int32]


def capacity_for(count: int) -> int:
    """Power of two that keeps a table of `count` keys at most half full."""
    return 1 << max(4, int(2 * count - 1).bit_length())


@kernel(inline="always")
def home_cell(key, mask):  # type: ignore[no-untyped-def]
    """Cell where the search for a key starts: Fibonacci hashing of its block of 2x2x2 voxels.

    The eight voxels of a block share a cache line of the table, so walking over a surface
    misses the cache once a block.
    """
    mixed = np.uint64(key & ~_IN_BLOCK) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(32)
    corner = ((key >> (2 * AXIS_BITS - 2)) & 4) | ((key >> (AXIS_BITS - 1)) & 2) | (key & 1)
    return np.int64(((mixed << np.uint64(3)) | np.uint64(corner)) & np.uint64(mask))


@kernel(inline="always")
def cell_of(table_keys, key):  # type: ignore[no-untyped-def]
    """Cell that holds a key, or the free cell where it belongs."""
    mask = table_keys.size - 1
    cell = home_cell(key, mask)
    while table_keys[cell] != key and table_keys[cell] != EMPTY:
        cell = (cell + 1) & mask
    return cell


@kernel(inline="always")
def find(table_keys, table_rows, key):  # type: ignore[no-untyped-def]
    """Row of a key, or -1."""
    cell = cell_of(table_keys, key)
    return np.int64(table_rows[cell]) if table_keys[cell] != EMPTY else np.int64(-1)


@kernel
def remove(table_keys, table_rows, key):  # type: ignore[no-untyped-def]
    """Take out a key that is in the table; later entries of its chain move up to close the gap."""
    mask = table_keys.size - 1
    gap = cell_of(table_keys, key)
    cell = (gap + 1) & mask
    while table_keys[cell] != EMPTY:
        # An entry may move up unless its search starts behind the gap.
        from_home = (cell - home_cell(table_keys[cell], mask)) & mask
        if from_home >= (cell - gap) & mask:
            table_keys[gap] = table_keys[cell]
            table_rows[gap] = table_rows[cell]
            gap = cell
        cell = (cell + 1) & mask
    table_keys[gap] = EMPTY


@kernel
def _fill(table_keys, table_rows, keys):  # type: ignore[no-untyped-def]
    for row in range(keys.size):
        cell = cell_of(table_keys, keys[row])
        table_keys[cell] = keys[row]
        table_rows[cell] = row


@kernel
def _find_all(table_keys, table_rows, keys, rows):  # type: ignore[no-untyped-def]
    for i in range(keys.size):
        rows[i] = find(table_keys, table_rows, keys[i])


@kernel
def _fill_first(table_keys, keys, rows):  # type: ignore[no-untyped-def]
    count = 0
    for row in range(keys.size):
        cell = cell_of(table_keys, keys[row])
        if table_keys[cell] == EMPTY:
            table_keys[cell] = keys[row]
            rows[count] = row
            count += 1
    return count


def first_rows(keys: Int64) -> Int64:
    """Ascending rows of (N,) keys at which a key stands for the first time."""
    rows = np.empty(len(keys), np.int64)
    table_keys = np.full(capacity_for(len(keys)), EMPTY, np.int64)
    return rows[: _fill_first(table_keys, np.ascontiguousarray(keys), rows)]


def build_index(keys: Int64, *, capacity: int | None = None) -> HashIndex:
    """Index (N,) unique keys by their row number."""
    size = capacity or capacity_for(len(keys))
    index = HashIndex(np.full(size, EMPTY, np.int64), np.empty(size, np.int32))
    _fill(index.table_keys, index.table_rows, np.ascontiguousarray(keys))
    return index


def find_rows(index: HashIndex, keys: Int64) -> npt.NDArray[np.int32]:
    """Row of each of (N,) keys, -1 where a key is not in the index."""
    rows = np.empty(len(keys), np.int32)
    _find_all(index.table_keys, index.table_rows, np.ascontiguousarray(keys), rows)
    return rows
