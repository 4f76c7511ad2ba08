"""Association: the compiled counts and the assignment against slow twins."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from seg3d_ros.objects.segments import NOBODY
from seg3d_ros.objects.tracking import associate, count_overlap


def test_overlap_counts_are_those_of_a_loop() -> None:
    rng = np.random.default_rng(1)
    owner, claimant, segment = (rng.integers(-1, n, 500).astype(np.int32) for n in (4, 4, 6))
    expected = np.zeros((4, 6), np.int64)
    for track, part in itertools.product(range(4), range(6)):
        expected[track, part] = np.sum((owner == track) & (segment == part)) + np.sum(
            (claimant == track) & (segment == part)
        )
    np.testing.assert_array_equal(count_overlap(owner, claimant, segment, 4, 6), expected)


def best_by_trying_all(affinity: np.ndarray, allowed: np.ndarray) -> float:
    """Largest sum of any one-to-one choice of allowed pairs."""
    tracks, segments = affinity.shape
    gain = np.where(allowed, affinity, 0.0)
    padded = np.zeros((tracks + segments, segments))
    padded[:tracks] = gain
    orders = itertools.permutations(range(tracks + segments), segments)
    return max(sum(padded[row, s] for s, row in enumerate(order)) for order in orders)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2**32 - 1))
def test_the_assignment_is_the_best_of_all(tracks: int, segments: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    overlap = rng.integers(0, 10, (tracks, segments))
    in_scene = overlap.sum(axis=1) + rng.integers(0, 5, tracks)
    seen_before = overlap.sum(axis=0) + rng.integers(0, 5, segments)
    cosine = rng.uniform(-1, 1, (tracks, segments)).astype(np.float32)
    found = associate(overlap, in_scene, seen_before, cosine, min_iou=0.2)

    iou = overlap / np.maximum(in_scene[:, None] + seen_before[None] - overlap, 1)
    affinity = iou * (0.75 + 0.25 * cosine)
    chosen = [(track, s) for s, track in enumerate(found) if track != NOBODY]
    assert len({track for track, _ in chosen}) == len(chosen)
    assert all(iou[pair] >= 0.2 for pair in chosen)
    total = sum(affinity[pair] for pair in chosen)
    assert abs(total - best_by_trying_all(affinity, iou >= 0.2)) < 1e-6


def test_a_good_pair_is_not_given_up_for_two_poor_ones() -> None:
    overlap = np.array([[90, 30], [30, 0]])
    found = associate(
        overlap, np.array([100, 60]), np.array([100, 60]), np.ones((2, 2)), min_iou=0.2
    )
    np.testing.assert_array_equal(found, [0, NOBODY])
