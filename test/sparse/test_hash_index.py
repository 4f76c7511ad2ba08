import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seg3d_ros.sparse.hash_index import (
    EMPTY,
    build_index,
    capacity_for,
    cell_of,
    find_rows,
    first_rows,
    remove,
)
from seg3d_ros.sparse.voxel_keys import pack_keys

some_keys = st.lists(
    st.one_of(st.integers(0, 60), st.integers(0, 2**63 - 1)), unique=True, max_size=60
)


@numba.njit
def remove_all(table_keys, table_rows, keys):
    for key in keys:
        remove(table_keys, table_rows, key)


@settings(deadline=None)
@given(some_keys, some_keys)
def test_finds_what_is_there_and_nothing_else(present, asked):
    index = build_index(np.array(present, np.int64))
    expected = [present.index(key) if key in present else -1 for key in asked]
    np.testing.assert_array_equal(find_rows(index, np.array(asked, np.int64)), expected)


@settings(deadline=None)
@given(some_keys, st.data())
def test_after_removals_the_others_are_still_found(keys, data):
    """Neighbouring keys share chains of cells, so that closing the gaps is put to the test."""
    gone = data.draw(st.lists(st.sampled_from(keys), unique=True)) if keys else []
    index = build_index(np.array(keys, np.int64))
    remove_all(*index, np.array(gone, np.int64))
    expected = [-1 if key in gone else row for row, key in enumerate(keys)]
    np.testing.assert_array_equal(find_rows(index, np.array(keys, np.int64)), expected)
    assert (index.table_keys != EMPTY).sum() == len(keys) - len(gone)


def test_a_removed_key_can_come_back():
    index = build_index(np.array([1, 2, 3]))
    remove(*index, np.int64(2))
    cell = cell_of(index.table_keys, np.int64(2))
    index.table_keys[cell], index.table_rows[cell] = 2, 7
    np.testing.assert_array_equal(find_rows(index, np.array([1, 2, 3])), [0, 7, 2])


def test_what_is_no_key_is_not_there():
    np.testing.assert_array_equal(find_rows(build_index(np.array([5])), np.array([-1, -9])), -1)


@pytest.mark.parametrize("count", [0, 1, 8, 9, 1_000])
def test_a_table_is_at_most_half_full(count):
    capacity = capacity_for(count)
    assert capacity >= 2 * count
    assert capacity & (capacity - 1) == 0


def test_walking_over_a_solid_block_probes_few_cells():
    """Blocks share cache lines; that must not make the chains long."""
    side = np.arange(-20, 20)
    voxels = np.stack(np.meshgrid(side, side, side, indexing="ij"), axis=-1).reshape(-1, 3)
    index = build_index(pack_keys(voxels))
    occupied = np.concatenate([index.table_keys != EMPTY] * 2)
    free = np.flatnonzero(~occupied)
    assert np.diff(free).max() < 1_000


@settings(deadline=None)
@given(st.lists(st.integers(0, 60), max_size=120))
def test_first_rows_are_those_of_unique(keys):
    expected = np.sort(np.unique(np.array(keys, np.int64), return_index=True)[1])
    np.testing.assert_array_equal(first_rows(np.array(keys, np.int64)), expected)
