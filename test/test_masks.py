from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from seg3d_ros.masks import Masks, rows_by_label
from seg3d_ros.scene import Instances

DENSE = hnp.arrays(bool, st.tuples(st.integers(0, 5), st.integers(0, 9)))


@given(DENSE)
def test_masks_are_those_of_the_array(dense):
    masks = Masks.of(dense)
    assert len(masks) == len(dense) and masks.width == dense.shape[1]
    rows = [part.tolist() for part in masks.rows_of_each()]
    assert rows == [np.flatnonzero(row).tolist() for row in dense]
    np.testing.assert_array_equal(masks.sizes, dense.sum(axis=1))
    np.testing.assert_array_equal(masks.dense(), dense)


@given(DENSE, st.data())
def test_masks_within_some_rows_are_cut(dense, data):
    inside = data.draw(hnp.arrays(bool, dense.shape[1]))
    np.testing.assert_array_equal(Masks.of(dense).within(inside).dense(), dense & inside)


@given(DENSE, st.data())
def test_selected_masks_are_rows_of_the_array(dense, data):
    chosen = data.draw(hnp.arrays(np.int64, st.integers(0, 4), elements=st.integers(0, 4)))
    chosen = chosen[chosen < len(dense)]
    np.testing.assert_array_equal(Masks.of(dense).select(chosen).dense(), dense[chosen])


@given(DENSE, st.data())
def test_finer_points_have_the_masks_of_their_row(dense, data):
    last = max(dense.shape[1] - 1, 0)
    row_of = data.draw(hnp.arrays(np.int64, st.integers(0, 12), elements=st.integers(0, last)))
    row_of = row_of[row_of < dense.shape[1]]
    spread = Masks.of(dense).spread(row_of)
    np.testing.assert_array_equal(spread.dense(), dense[:, row_of])
    assert all((np.diff(rows) > 0).all() for rows in spread.rows_of_each())


def test_masks_of_a_part_find_their_place_in_the_scene():
    masks = Masks.of(np.array([[1, 0, 1], [0, 1, 1]], bool)).placed(np.array([1, 4, 5]), 7)
    assert masks.dense().astype(int).tolist() == [[0, 1, 0, 0, 0, 1, 0], [0, 0, 0, 0, 1, 1, 0]]


@given(DENSE)
def test_masks_of_two_views_follow_each_other(dense):
    masks = Masks.of(dense)
    both = Masks.concatenate([masks, masks]).dense()
    np.testing.assert_array_equal(both, np.concatenate([dense, dense]))


@pytest.mark.parametrize("rows", [[], [[2, 3], [], [0]]])
def test_masks_of_lists_of_rows(rows):
    masks = Masks.of_rows([np.array(part, np.int64) for part in rows], 4)
    assert [part.tolist() for part in masks.rows_of_each()] == rows
    assert masks.dense().shape == (len(rows), 4)


@given(DENSE)
def test_masks_read_like_the_array(dense):
    masks = Masks.of(dense)
    assert masks.shape == dense.shape
    np.testing.assert_array_equal(np.asarray(masks), dense)
    np.testing.assert_array_equal(np.array(list(masks)).reshape(dense.shape), dense)
    np.testing.assert_array_equal(np.asarray(masks, np.float32), dense.astype(np.float32))
    if len(dense):
        np.testing.assert_array_equal(masks[-1], dense[-1])


def test_instances_take_an_array_of_masks():
    dense = np.array([[1, 0, 1], [0, 1, 1]], bool)
    found = Instances(dense, np.ones(2, np.float32))
    np.testing.assert_array_equal(found.masks.dense(), dense)
    with pytest.raises(ValueError, match=r"expected \(M, N\)"):
        Instances(dense[0], np.ones(3, np.float32))


def test_rows_by_label_are_those_of_each_label():
    labels = np.array([2, -1, 0, 2, -1, 4])
    found = rows_by_label(labels, 5)
    assert [rows.tolist() for rows in found] == [[2], [], [0, 3], [], [5]]
    assert rows_by_label(np.full(3, -1), 0) == []


def test_masks_of_labels_are_their_rows():
    masks = Masks.of_labels(np.array([2, -1, 0, 2]), 3)
    assert masks.dense().astype(int).tolist() == [[0, 0, 1, 0], [0, 0, 0, 0], [1, 0, 0, 1]]
