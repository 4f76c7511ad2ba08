from __future__ import annotations

import logging
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg3d_ros.masks import Masks
from seg3d_ros.scene import Instances, Scene, no_instances
from seg3d_ros.segmenters.masks.blocks import (
    SMALLEST_BLOCK,
    BlockResult,
    BlockTooLargeError,
    cut_blocks,
    merge_blocks,
    segment_blocks,
)
from seg3d_ros.segmenters.masks.postprocess import filter_instances
from seg3d_ros.segmenters.settings import MaskSettings


@pytest.fixture(scope="module")
def hall():
    """A hall of 20 m, (N, 3) points on its floor, and (12, N) masks of things as large as 3 m."""
    rng = np.random.default_rng(0)
    points = rng.uniform((0, 0, 0), (20, 6, 0.5), (30_000, 3)).astype(np.float32)
    sizes = rng.uniform(0.3, 3, (12, 2))
    corners = rng.uniform((0, 0), (17, 3), (12, 2))
    flat = points[None, :, :2]
    owned = ((flat >= corners[:, None]) & (flat < (corners + sizes)[:, None])).all(axis=2)
    masks = owned & (np.cumsum(owned, axis=0) == 1)  # disjoint: the first takes all
    return points, masks[masks.sum(axis=1) > 50]


def seen_in(points, masks):
    """A perfect segmenter: what a block shows of each thing, with an embedding of its own."""

    def segment(rows):
        parts = masks[:, rows]
        shown = np.flatnonzero(parts.any(axis=1))
        order = np.random.default_rng(len(rows)).permutation(shown)
        embeddings = np.eye(len(masks), dtype=np.float32)[order]
        scores = (0.5 + order / 100).astype(np.float32)
        return Instances(Masks.of(parts[order]), scores, embeddings, "words")

    return segment


@pytest.mark.parametrize("limit", [20_000, 10_000, 6_000])
def test_blocks_put_together_give_what_the_whole_scene_gives(hall, limit):
    points, masks = hall
    merged, used = segment_blocks(points, seen_in(points, masks), limit=limit)
    assert used == limit
    order = np.argsort(merged.scores)
    np.testing.assert_array_equal(merged.masks.dense()[order], masks)
    np.testing.assert_allclose(merged.scores[order], 0.5 + np.arange(len(masks)) / 100, atol=1e-6)
    np.testing.assert_allclose(merged.embeddings[order], np.eye(len(masks)), atol=1e-6)
    assert merged.embedding_space == "words"


def test_a_scene_that_fits_is_not_cut(hall):
    points, masks = hall
    calls = []

    def segment(rows):
        calls.append(rows)
        return seen_in(points, masks)(rows)

    segment_blocks(points, segment, limit=len(points))
    assert len(calls) == 1
    np.testing.assert_array_equal(calls[0], np.arange(len(points)))


@given(
    seed=st.integers(0, 10**6),
    limit=st.integers(1, 300),
    shape=st.sampled_from([(9, 9, 2), (30, 1, 0), (0, 0, 0)]),
)
def test_blocks_hold_all_points_and_no_more_than_allowed(seed, limit, shape):
    points = np.random.default_rng(seed).uniform(0, 1, (300, 3)).astype(np.float32) * shape
    blocks = cut_blocks(points, limit=limit)
    assert set(np.concatenate(blocks).tolist()) == set(range(300))
    for rows in blocks:
        assert (np.diff(rows) > 0).all()
    if any(shape):  # points that are all the same cannot be told apart
        assert max(map(len, blocks)) <= limit


def test_blocks_overlap_by_a_margin(hall):
    points, _ = hall
    first, second = cut_blocks(points, limit=20_000)
    shared = np.intersect1d(first, second)
    assert np.ptp(points[shared, 0]) == pytest.approx(2.0, abs=0.05)


def test_where_memory_runs_out_blocks_get_smaller_and_it_is_said(hall, caplog):
    points, masks = hall
    sizes = []

    def segment(rows):
        sizes.append(len(rows))
        if len(rows) > 9_000:
            raise BlockTooLargeError
        return seen_in(points, masks)(rows)

    with caplog.at_level(logging.WARNING):
        merged, limit = segment_blocks(points, segment, limit=100_000)
    assert sizes[0] == len(points) and limit <= 9_000
    assert len(merged) == len(masks)
    assert "no memory for 30000 points at once; going on with blocks of 15000" in caplog.text


def test_no_memory_at_all_is_an_error(hall):
    points, _ = hall
    sizes = []

    def segment(rows):
        sizes.append(len(rows))
        raise BlockTooLargeError("nothing left")

    with pytest.raises(BlockTooLargeError, match="nothing left"):
        segment_blocks(points, segment, limit=100_000)
    assert min(sizes) <= SMALLEST_BLOCK


def one_mask(rows, inside, score=0.5):
    return BlockResult(
        np.array(rows),
        Instances(Masks.of(np.array([inside], bool)), np.array([score], np.float32)),
    )


def test_masks_that_disagree_where_both_look_stay_apart():
    left = one_mask([0, 1, 2, 3], [1, 1, 1, 0])
    right = one_mask([2, 3, 4, 5], [0, 1, 1, 1])
    assert merge_blocks(6, [left, right]).masks.dense().astype(int).tolist() == [
        [1, 1, 1, 0, 0, 0],
        [0, 0, 0, 1, 1, 1],
    ]


def test_scores_are_weighted_by_points_and_a_mean_needs_all_embeddings():
    left = one_mask([0, 1, 2, 3], [1, 1, 1, 0], score=0.9)
    right = one_mask([2, 3, 4, 5], [1, 0, 0, 0], score=0.5)
    merged = merge_blocks(6, [left, right])
    assert merged.masks.dense().astype(int).tolist() == [[1, 1, 1, 0, 0, 0]]
    np.testing.assert_allclose(merged.scores, [0.8])
    assert merged.embeddings is None


def test_empty_blocks_are_no_hindrance():
    empty = BlockResult(np.arange(3), no_instances(3))
    assert merge_blocks(6, [empty, empty]).masks.dense().shape == (0, 6)
    assert merge_blocks(6, [empty, one_mask([3, 4, 5], [1, 1, 0])]).masks.dense().shape == (1, 6)


def test_memory_grows_with_what_the_masks_cover():
    """Three thousand things on a million points: dense masks would take 3 GB."""
    points = np.zeros((1_000_000, 3), np.float32)
    points[:, 0] = np.arange(len(points)) / 100
    thing = np.arange(len(points)) // 333
    scene = Scene(points, points, np.arange(len(points)), 0.01)

    def segment(rows):
        things = [np.flatnonzero(thing[rows] == t) for t in range(thing[rows[0]], thing[rows[-1]])]
        masks = Masks.of_rows(things, len(rows))
        return Instances(masks, np.ones(len(masks), np.float32))

    tracemalloc.start()
    found, _ = segment_blocks(points, segment, limit=300_000)
    found = filter_instances(found, scene, MaskSettings(max_instances=5000, split_gap=0.05))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) >= 3000
    assert peak < 300_000_000  # bytes
