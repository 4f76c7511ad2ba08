"""Overlapping masks become disjoint segments."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from seg3d_ros.masks import Masks
from seg3d_ros.objects.segments import NOBODY, disjoint_segments, evidence
from seg3d_ros.scene import Instances

LARGE = 10.0  # metres: the size of a mask says nothing about it


def segments_of(masks: list[str], scores: list[float], min_voxels: int = 1, embeddings=None):
    """Masks written as strings, one character a point."""
    rows = np.array([[c == "#" for c in mask] for mask in masks], bool)
    space = None if embeddings is None else "toy"
    found = Instances(Masks.of(rows), np.array(scores, np.float32), embeddings, space)
    of_point, masks, _ = disjoint_segments(
        found, min_voxels=min_voxels, voxel_size=LARGE, inside=0.4
    )
    return of_point, masks


def test_the_better_mask_gets_the_shared_points() -> None:
    of_point, masks = segments_of(["####....", "..######"], [0.5, 0.9])
    np.testing.assert_array_equal(of_point, [1, 1, 0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(masks, [1, 0])


def test_a_duplicate_is_left_out_and_its_rest_stays_free() -> None:
    of_point, masks = segments_of(["#####...", ".#####.."], [0.9, 0.5])
    np.testing.assert_array_equal(of_point, [0, 0, 0, 0, 0, NOBODY, NOBODY, NOBODY])
    np.testing.assert_array_equal(masks, [0])


def test_of_equal_scores_the_whole_is_kept() -> None:
    of_point, masks = segments_of(["########", "..##...."], [0.7, 0.7])
    np.testing.assert_array_equal(of_point, [0] * 8)
    np.testing.assert_array_equal(masks, [0])


def test_what_means_something_else_is_cut_out_of_what_it_lies_in() -> None:
    wall, door = np.eye(2, dtype=np.float32)
    masks, scores = ["########", "..###...", "..##...."], [0.9, 0.5, 0.45]
    of_point, kept = segments_of(masks, scores, embeddings=np.stack([wall, door, wall]))
    np.testing.assert_array_equal(of_point, [0, 0, 1, 1, 1, 0, 0, 0])
    np.testing.assert_array_equal(kept, [0, 1])


def test_neither_much_of_a_segment_nor_a_weak_mask_is_cut_out() -> None:
    wall, door = np.eye(2, dtype=np.float32)
    masks, scores = ["########", ".######.", "##......"], [0.9, 0.8, 0.39]
    _, kept = segments_of(masks, scores, embeddings=np.stack([wall, door, door]))
    np.testing.assert_array_equal(kept, [0])


def test_favor_turns_a_close_choice() -> None:
    rows = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 1]], bool)
    found = Instances(Masks.of(rows), np.array([0.8, 0.7, 0.7], np.float32))
    favor = np.array([0, 0.2, 0])
    _, kept, _ = disjoint_segments(found, min_voxels=1, voxel_size=LARGE, favor=favor)
    assert kept[0] == 1 and set(kept) == {0, 1}


def test_small_masks_are_weaker_evidence() -> None:
    scores, sizes = np.array([0.8, 0.8, np.nan], np.float32), np.array([30, 3000, 30])
    np.testing.assert_allclose(evidence(scores, sizes, 0.02), [0.4, 0.792, 0], atol=1e-3)
    np.testing.assert_allclose(evidence(scores, sizes, 0.04)[0], 0.64, atol=1e-3)


def test_small_empty_and_unscored_masks() -> None:
    masks = ["###.....", "........", "...##...", "#######."]
    of_point, kept = segments_of(masks, [0.5, 0.9, 0.9, np.nan], min_voxels=3)
    np.testing.assert_array_equal(kept, [0, 3])
    np.testing.assert_array_equal(of_point, [0, 0, 0, 1, 1, 1, 1, NOBODY])


@settings(deadline=None)
@given(
    hnp.arrays(bool, st.tuples(st.integers(0, 6), st.integers(0, 12))), st.integers(0, 2**32 - 1)
)
def test_a_segment_lies_in_its_mask_and_the_best_mask_keeps_all_of_it(masks, seed) -> None:
    scores = np.random.default_rng(seed).permutation(len(masks)).astype(np.float32) / 10
    found = Instances(Masks.of(masks), scores)
    of_point, kept, _ = disjoint_segments(found, min_voxels=1, voxel_size=LARGE)
    assert len(set(kept.tolist())) == len(kept)
    for segment, mask in enumerate(kept):
        rows = of_point == segment
        assert rows.any()
        assert not (rows & ~masks[mask]).any()
        assert 2 * rows.sum() >= masks[mask].sum()
    usable = np.flatnonzero(masks.any(axis=1)) if masks.size else []
    if len(usable):
        best = max(usable, key=lambda mask: scores[mask])
        np.testing.assert_array_equal(of_point == 0, masks[best])
