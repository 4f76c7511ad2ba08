from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seg3d_ros.masks import Masks
from seg3d_ros.scene import Instances, Scene, no_instances
from seg3d_ros.segmenters.masks.overlaps import best_overlaps, find_overlaps, mask_nms
from seg3d_ros.segmenters.masks.parts import split_parts
from seg3d_ros.segmenters.masks.postprocess import (
    OBJECT_COLUMN,
    Queries,
    filter_instances,
    looks_inverted,
    propose,
    score_queries,
)
from seg3d_ros.segmenters.settings import MaskSettings


def logit(probability):
    return np.log(probability) - np.log1p(-np.asarray(probability, float))


def queries(objectness, masks, embeddings=None):
    """Queries with these probabilities: (Q,) objects and (N, Q) points."""
    logits = torch.zeros(len(objectness), 2)
    logits[:, OBJECT_COLUMN] = torch.as_tensor(logit(objectness))
    if embeddings is None:
        embeddings = np.eye(len(objectness), 3) * 5
    return Queries(
        logits, torch.as_tensor(logit(masks)).float(), torch.as_tensor(embeddings).float()
    )


THREE = queries(
    [0.9, 0.5, 0.8],
    [[0.9, 0.2, 0.4], [0.7, 0.6, 0.1], [0.1, 0.8, 0.2], [0.4, 0.6, 0.3]],
)


def test_score_is_objectness_times_mean_probability_in_the_mask():
    scored = score_queries(THREE, mask_threshold=0.5)
    assert scored.inside.t().int().tolist() == [[1, 1, 0, 0], [0, 1, 1, 1], [0, 0, 0, 0]]
    assert scored.sizes.tolist() == [2, 3, 0]
    np.testing.assert_allclose(scored.quality, [0.8, 2 / 3, 0], atol=1e-6)
    np.testing.assert_allclose(scored.scores, [0.72, 1 / 3, 0], atol=1e-6)


def test_proposals_are_those_that_are_large_and_good_enough():
    settings = MaskSettings(min_mask_points=2, min_score=0.3)
    scored = score_queries(THREE, mask_threshold=0.5)
    both = propose(THREE, scored, settings, space="words")
    assert both.masks.dense().tolist() == [[True, True, False, False], [False, True, True, True]]
    np.testing.assert_allclose(both.embeddings, np.eye(2, 3), atol=1e-6)
    large = propose(THREE, scored, MaskSettings(min_mask_points=3, min_score=0.3), space="words")
    assert large.masks.dense().tolist() == [[False, True, True, True]]
    good = propose(THREE, scored, MaskSettings(min_mask_points=2, min_score=0.5), space="words")
    np.testing.assert_allclose(good.scores, [0.72], atol=1e-6)


def test_numbers_that_are_not_finite_make_no_instance():
    sick = queries([0.9, 0.9], [[0.9, 0.9], [0.9, 0.9]], [[np.nan, 0, 0], [1, 0, 0]])
    sick.masks[:, 1] = np.nan
    settings = MaskSettings(min_mask_points=1, min_score=0)
    scored = score_queries(sick, mask_threshold=0.5)
    assert len(propose(sick, scored, settings, space="words")) == 0


@pytest.mark.parametrize(
    ("objectness", "inverted"),
    [
        ([0.9, 0.9, 0.1, 0.1, 0.1, 0.1], False),  # few objects, and they have the good masks
        ([0.9, 0.1, 0.9, 0.9, 0.9, 0.9], True),  # nearly all, and a good mask has the only no
        ([0.1, 0.1, 0.9, 0.1, 0.1, 0.1], False),  # wrong, but no more than chance
        ([0.9, 0.9, 0.8, 0.9, 0.9, 0.9], False),  # a crowded room
        ([0.5, 0.5, 0.5, 0.5, 0.5, 0.5], False),  # untrained
    ],
)
def test_inverted_scores_are_noticed(objectness, inverted):
    masks = np.full((50, 6), 0.55)
    masks[:, :2] = 0.95
    assert (
        looks_inverted(score_queries(queries(objectness, masks), mask_threshold=0.5)) is inverted
    )


def rows(*lines):
    return np.array([[c == "#" for c in line] for line in lines])


def test_of_duplicates_the_best_is_kept():
    masks = rows("####....", "###.....", "....####", "..##....", "....###.")
    scores = np.array([0.5, 0.9, 0.8, 0.7, 0.8], np.float32)
    # 0 and 4 repeat 1 and 2 (3 of 4 points), 3 shares a quarter with 1.
    assert mask_nms(Masks.of(masks), scores, iou=0.6).tolist() == [1, 2, 3]
    assert mask_nms(Masks.of(masks), scores, iou=0.8).tolist() == [1, 2, 4, 3, 0]


def test_a_mask_that_only_a_dropped_one_repeats_stays():
    masks = rows("####......", ".####.....", "..####....")
    scores = np.array([0.9, 0.8, 0.7], np.float32)  # neighbours: 3/5, ends: 2/6
    assert mask_nms(Masks.of(masks), scores, iou=0.5).tolist() == [0, 2]


def one_after_the_other(masks, scores, iou):
    """The textbook's non-maximum suppression."""
    kept = []
    for row in sorted(range(len(scores)), key=lambda r: (-scores[r], r)):
        both = [(masks[row] & masks[other]).sum() for other in kept]
        either = [(masks[row] | masks[other]).sum() for other in kept]
        if all(b <= iou * e for b, e in zip(both, either, strict=True)):
            kept.append(row)
    return kept


@given(seed=st.integers(0, 10**6), count=st.integers(0, 14), iou=st.sampled_from([0, 0.2, 0.5, 1]))
def test_suppression_all_at_once_is_that_one_after_the_other(seed, count, iou):
    rng = np.random.default_rng(seed)
    masks = rng.random((count, 9)) < rng.random((count, 1))
    scores = rng.integers(0, 4, count).astype(np.float32) / 4  # many are equal
    kept = mask_nms(Masks.of(masks), scores, iou=iou)
    assert kept.tolist() == one_after_the_other(masks, scores, iou)


@given(seed=st.integers(0, 10**6), count=st.integers(0, 6))
def test_overlaps_are_those_of_a_dense_product(seed, count):
    masks = np.random.default_rng(seed).random((count, 11)) < 0.4
    dense = masks.astype(np.int64) @ masks.T.astype(np.int64)
    first, second, shared = find_overlaps(Masks.of(masks))
    found = np.zeros_like(dense)
    found[first, second] = shared
    np.testing.assert_array_equal(found, dense)
    sizes = np.diagonal(dense)
    iou = dense / np.maximum(sizes[:, None] + sizes - dense, 1)
    np.fill_diagonal(iou, 0)
    best = best_overlaps(Masks.of(masks))
    np.testing.assert_array_equal(best, iou.max(axis=1, initial=0).astype(np.float32))


def line_of_voxels(*x):
    return np.array([(a + 0.5, 0.5, 0.5) for a in x], np.float32)


def test_parts_that_do_not_touch_are_instances_of_their_own():
    points = line_of_voxels(7, 0, 1, 2, 5, 6)
    found = Instances(
        Masks.of(np.array([[1, 1, 1, 1, 0, 1], [0, 0, 1, 1, 1, 0]], bool)),
        np.array([0.9, 0.4], np.float32),
        np.eye(2, dtype=np.float32),
        "words",
    )
    parts = split_parts(found, points, cell=1)
    assert parts.masks.dense().astype(int).tolist() == [
        [0, 1, 1, 1, 0, 0],
        [1, 0, 0, 0, 0, 1],
        [0, 0, 1, 1, 0, 0],
        [0, 0, 0, 0, 1, 0],
    ]
    np.testing.assert_allclose(parts.scores, [0.9, 0.9, 0.4, 0.4])
    assert parts.embeddings.argmax(axis=1).tolist() == [0, 0, 1, 1]
    assert parts.embedding_space == "words"
    assert (
        len(split_parts(found, points, cell=4)) == 2
    )  # 2 and 5 are in cubes 0 and 1, which touch


def test_small_parts_are_dropped_before_they_take_memory():
    """A mask with many speckles: only the line of three is kept."""
    points = line_of_voxels(*range(3), *range(10, 4010, 2))
    found = Instances(Masks.of(np.ones((1, len(points)), bool)), np.ones(1, np.float32))
    tracemalloc.start()
    parts = split_parts(found, points, cell=1, min_points=2)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert parts.masks.rows.tolist() == [0, 1, 2] and len(parts) == 1
    assert peak < len(points) ** 2 / 2  # bytes; a row for every speckle would take twice as many


def flood(cells):
    """Parts of a set of cells by walking from neighbour to neighbour."""
    parts, left = [], set(cells)
    while left:
        part, border = set(), [left.pop()]
        while border:
            cell = border.pop()
            part.add(cell)
            near = {c for c in left if max(abs(a - b) for a, b in zip(c, cell, strict=True)) <= 1}
            left -= near
            border += near
        parts.append(frozenset(part))
    return set(parts)


@given(seed=st.integers(0, 10**6), cell=st.integers(1, 3))
def test_parts_are_those_found_by_walking(seed, cell):
    rng = np.random.default_rng(seed)
    voxels = np.unique(rng.integers(-6, 6, (40, 3)), axis=0)
    rng.shuffle(voxels)
    mask = rng.random(len(voxels)) < 0.6
    found = Instances(Masks.of(mask[None]), np.ones(1, np.float32))
    parts = split_parts(found, (voxels + 0.5).astype(np.float32), cell=cell).masks.dense()
    cells = [tuple(c) for c in (voxels // cell).tolist()]
    walked = flood({c for c, inside in zip(cells, mask, strict=True) if inside})
    assert len(parts) == len(walked)
    assert {frozenset(c for c, i in zip(cells, p, strict=True) if i) for p in parts} == walked
    np.testing.assert_array_equal(parts.sum(axis=0), mask)


def test_finish_splits_before_it_drops_duplicates_and_ranks():
    points = line_of_voxels(0, 1, 2, 3, 50, 51, 52, 53, 90) * np.float32(0.1)
    scene = Scene(points, np.zeros_like(points), np.arange(9), 0.1)
    things = rows("########.", "....####.", "........#", "####....#")  # two, one of them, dirt
    found = Instances(
        Masks.of(things),
        np.array([0.5, 0.9, 0.95, 0.1], np.float32),
    )
    settings = MaskSettings(min_mask_points=2, split_gap=1.0, max_instances=2)
    done = filter_instances(found, scene, settings)
    assert done.masks.dense().tolist() == rows("....####.", "####.....").tolist()
    np.testing.assert_allclose(done.scores, [0.9, 0.5])
    whole = filter_instances(found, scene, MaskSettings(min_mask_points=2, split_gap=0))
    assert whole.masks.dense().tolist() == rows("....####.", "########.", "####....#").tolist()


def test_nothing_comes_of_nothing():
    scene = Scene(np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32), np.arange(2), 0.1)
    empty = no_instances(2)
    assert filter_instances(empty, scene, MaskSettings()).masks.dense().shape == (0, 2)
    assert empty.select(np.zeros(0, np.int64)).masks.dense().shape == (0, 2)
