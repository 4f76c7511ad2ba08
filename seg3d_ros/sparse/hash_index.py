"""A hash index from voxel key to row number, for compiled loops.

The table is two flat arrays with linear probing: `table_keys` (capacity,) int64 with EMPTY in
free cells and `table_rows` (capacity,) int32. The capacity is a power of two at least twice the
number of keys, so that a probe ends after about 1.5 cells on average.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from seg3d_ros.scene import Int64

EMPTY = -1  # keys are never negative


class HashIndex(NamedTuple):
    """Key → row table; a NamedTuple of arrays so that compiled functions take it as it is."""

    table_keys: Int64
    table_rows: npt.NDArray[np.int32]


def capacity_for(count: int) -> int:
    """Power of two that keeps a table of `count` keys at most half full."""
    return 1 << max(4, int(2 * count - 1).bit_length())


@numba.njit(inline="always", cache=True)
def home_cell(key, mask):  # type: ignore[no-untyped-def]
    """Cell where the search for a key starts (Fibonacci hashing of all 63 bits)."""
    mixed = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(32)
    return np.int64(mixed & np.uint64(mask))


@numba.njit(inline="always", cache=True)
def find(table_keys, table_rows, key):  # type: ignore[no-untyped-def]
    """Row of a key, or -1."""
    mask = table_keys.size - 1
    cell = home_cell(key, mask)
    while True:
        found = table_keys[cell]
        if found == key:
            return np.int64(table_rows[cell])
        if found == EMPTY:
            return np.int64(-1)
        cell = (cell + 1) & mask


@numba.njit(nogil=True, cache=True)
def _fill(table_keys, table_rows, keys):  # type: ignore[no-untyped-def]
    mask = table_keys.size - 1
    for row in range(keys.size):
        cell = home_cell(keys[row], mask)
        while table_keys[cell] != EMPTY:
            cell = (cell + 1) & mask
        table_keys[cell] = keys[row]
        table_rows[cell] = row


@numba.njit(nogil=True, cache=True)
def _find_all(table_keys, table_rows, keys, rows):  # type: ignore[no-untyped-def]
    for i in range(keys.size):
        rows[i] = find(table_keys, table_rows, keys[i])


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
