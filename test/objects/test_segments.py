"""Overlapping masks become disjoint segments."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from seg3d_ros.objects.segments import NOBODY, disjoint_segments
from seg3d_ros.scene import Instances


def segments_of(masks: list[str], scores: list[float], min_voxels: int = 1):
    """Masks written as strings, one character a point."""
    rows = np.array([[c == "#" for c in mask] for mask in masks], bool)
    return disjoint_segments(Instances(rows, np.array(scores, np.float32)), min_voxels=min_voxels)


def test_the_better_mask_gets_the_shared_points() -> None:
    of_point, masks = segments_of(["####....", "..######"], [0.5, 0.9])
    np.testing.assert_array_equal(of_point, [1, 1, 0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(masks, [1, 0])


def test_a_duplicate_is_left_out_and_its_rest_stays_free() -> None:
    of_point, masks = segments_of(["#####...", ".#####.."], [0.9, 0.5])
    np.testing.assert_array_equal(of_point, [0, 0, 0, 0, 0, NOBODY, NOBODY, NOBODY])
    np.testing.assert_array_equal(masks, [0])


def test_of_equal_scores_the_part_survives_on_the_whole() -> None:
    of_point, masks = segments_of(["########", "..##...."], [0.7, 0.7])
    np.testing.assert_array_equal(of_point, [1, 1, 0, 0, 1, 1, 1, 1])
    np.testing.assert_array_equal(masks, [1, 0])


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
    of_point, kept = disjoint_segments(Instances(masks, scores), min_voxels=1)
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
