"""Average precision on cases worked out by hand, and against a slow twin."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from seg3d_ros.evaluation.instance_ap import (
    THRESHOLDS,
    area,
    average_precisions,
    match,
    summarize,
)
from seg3d_ros.evaluation.overlaps import NO_CLASS, overlaps_of, true_regions
from seg3d_ros.masks import Masks

NONE = -1


def scene(truth, predictions, *, min_points=1, points=100):
    """Overlaps of stretches of points.

    Args:
        truth: (class, instance, start, end).
        predictions: (class, score, indices).
    """
    segment = np.full(points, NONE)
    instance = np.full(points, NONE)
    for kind, number, start, end in truth:
        segment[start:end], instance[start:end] = kind, number
    masks = np.zeros((len(predictions), points), bool)
    for mask, (_, _, rows) in zip(masks, predictions, strict=True):
        mask[list(rows)] = True
    kept = masks.sum(axis=1) >= min_points
    return overlaps_of(
        Masks.of(masks[kept]),
        np.array([score for _, score, _ in predictions], np.float32)[kept],
        np.array([kind for kind, _, _ in predictions], np.int64)[kept],
        true_regions(segment, instance, min_points=min_points),
    )


def ap(*scenes, kind=0):
    """AP, AP50 and AP25 of a class."""
    summary = summarize(average_precisions(scenes, kind + 1)[[kind]])
    return summary.ap, summary.ap50, summary.ap25


TWO = [(0, 1, 0, 20), (0, 2, 20, 40)]


def test_thresholds_are_those_of_the_benchmarks_script():
    np.testing.assert_allclose(
        THRESHOLDS, [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.25], atol=1e-12
    )


def test_all_found_is_one():
    assert ap(scene(TWO, [(0, 0.3, range(20)), (0, 0.9, range(20, 40))])) == (1, 1, 1)


def test_one_of_two_missed_is_half():
    assert ap(scene(TWO, [(0, 0.3, range(20))])) == (0.5, 0.5, 0.5)


def test_nothing_found_is_zero_and_nothing_to_find_is_no_number():
    assert ap(scene(TWO, [])) == (0, 0, 0)
    assert np.isnan(ap(scene([], [(0, 0.5, range(20))]))).all()


def test_a_duplicate_costs_as_much_as_a_false_positive_of_the_lower_score():
    # Sorted: true 0.9, false 0.8, true 0.7. Precision over recall runs straight from (0, 1) to
    # (1/2, 1), down to (1/2, 1/2), to (1, 2/3): 1/2 + 1/2 (1/2 + 2/3) / 2.
    found = [(0, 0.8, range(20)), (0, 0.9, range(19)), (0, 0.7, range(20, 40))]
    assert ap(scene(TWO, found))[1] == pytest.approx(1 / 2 + 7 / 24)


def test_a_false_positive_that_comes_last_costs_nothing_and_first_much():
    right = (0, 0.5, range(20))
    one = [(0, 1, 0, 20)]
    wrong = range(40, 60)
    labelled = [*one, (1, 2, 40, 60)]
    assert ap(scene(labelled, [right, (0, 0.4, wrong)]))[1] == 1
    # (0, 1) to (0, 0) to (1, 1/2)
    assert ap(scene(labelled, [right, (0, 0.6, wrong)]))[1] == pytest.approx(1 / 4)


def test_equal_scores_are_one_point_of_the_curve():
    labelled = [(0, 1, 0, 20), (1, 2, 40, 60)]
    tie = [(0, 0.5, range(20)), (0, 0.5, range(40, 60))]
    # (0, 1) to (1, 1/2), whatever comes first
    assert ap(scene(labelled, tie))[1] == pytest.approx(3 / 4)
    assert ap(scene(labelled, tie[::-1]))[1] == pytest.approx(3 / 4)


def test_the_overlap_decides_at_which_thresholds_a_mask_is_right():
    # 14 of 20 points: IoU 0.7, right at 0.25 and at 0.5 ... 0.65, not above itself
    result = ap(scene([(0, 1, 0, 20)], [(0, 1.0, range(14))]))
    assert result == (pytest.approx(4 / 9), 1, 1)


def test_an_iou_at_the_threshold_does_not_count():
    overlaps = scene([(0, 1, 0, 20)], [(0, 1.0, range(10))])
    assert overlaps.ious[0, 0] == 0.5
    assert match(overlaps, threshold=0.5).missed.tolist() == [0]
    assert match(overlaps, threshold=0.25).correct.tolist() == [True]


def test_a_mask_that_lies_mainly_on_void_is_forgiven():
    labelled = [(0, 1, 0, 20), (1, 2, 60, 100)]
    mostly_void = (0, 0.9, range(20, 65))  # 40 void, 5 of another class
    partly_void = (0, 0.9, range(50, 70))  # 10 void: a share of 0.5 is not above 0.5
    assert ap(scene(labelled, [(0, 0.5, range(20)), mostly_void]))[1:] == (1, 1)
    ap50, ap25 = ap(scene(labelled, [(0, 0.5, range(20)), partly_void]))[1:]
    assert (ap50, ap25) == (pytest.approx(1 / 4), 1)


def test_points_of_a_class_without_instance_are_ignored_by_this_class_only():
    labelled = [(0, 1, 0, 20), (0, NONE, 20, 60), (1, 2, 60, 100)]
    on_group = range(20, 60)
    assert ap(scene(labelled, [(0, 0.5, range(20)), (0, 0.9, on_group)]))[1] == 1
    overlaps = scene(labelled, [(1, 0.5, range(60, 100)), (1, 0.9, on_group)])
    assert ap(overlaps, kind=1)[1] == pytest.approx(1 / 4)


def test_small_instances_need_not_be_found_and_small_masks_are_nothing():
    labelled = [(0, 1, 0, 20), (0, 2, 20, 29)]
    right, on_small = (0, 0.5, range(20)), (0, 0.9, range(20, 32))
    assert ap(scene(labelled, [right], min_points=10)) == (1, 1, 1)
    assert ap(scene(labelled, [right, on_small], min_points=10))[1] == 1
    assert ap(scene(labelled, [right, (0, 0.9, range(60, 69))], min_points=10))[1] == 1
    assert ap(scene(labelled, [right, on_small], min_points=1))[1] == 1  # 9 of 12 points


def test_classes_are_apart_until_they_are_merged():
    labelled = [(0, 1, 0, 20), (1, 2, 20, 40)]
    swapped = scene(labelled, [(1, 0.5, range(20)), (0, 0.5, range(20, 40))])
    assert summarize(average_precisions([swapped], 2)).ap50 == 0
    assert ap(swapped.without_classes()) == (1, 1, 1)
    half = scene(labelled, [(0, 0.5, range(20)), (NO_CLASS, 0.5, range(20, 40))])
    assert summarize(average_precisions([half], 3)).ap50 == 0.5  # class 2 has no instances


def test_scenes_share_one_curve():
    one = scene([(0, 1, 0, 20)], [(0, 0.9, range(20))])
    other = scene([(0, 1, 0, 20)], [(0, 0.8, range(40, 60))])
    # the second has a miss, and a mask on void that is forgiven
    assert ap(one, other)[1] == 0.5


def test_at_low_thresholds_a_claimed_mask_serves_no_other_instance():
    # The mask covers both with IoU 0.5: the first claims it, the second is missed.
    wide = scene(TWO, [(0, 0.9, range(40))])
    assert match(wide, threshold=0.25).missed.tolist() == [0]
    assert ap(wide)[2] == 0.5


def test_the_best_iou_asks_for_no_class_and_no_small_instance():
    labelled = [(0, 1, 0, 20), (1, 2, 20, 40), (1, 3, 40, 45)]
    overlaps = scene(labelled, [(1, 0.5, range(15)), (0, 0.1, range(20))], min_points=10)
    assert overlaps.best_ious.tolist() == [1, 0]
    assert scene(labelled, []).best_ious.tolist() == [0, 0, 0]


def test_the_area_of_a_curve_without_predictions_is_zero():
    assert area(np.zeros(0, np.float32), np.zeros(0, bool), missed=3) == 0


def slow_ap(scenes, kind, threshold, min_points):
    """The protocol once more, with sets and lists; scenes of (truth, predictions) of sets."""
    curve, positives = [], 0
    for truth, void, predictions in scenes:
        ignored = set(void).union(
            *(
                mask
                for label, number, mask in truth
                if label == kind and (number is None or len(mask) < min_points)
            )
        )
        own = [
            mask
            for label, number, mask in truth
            if label == kind and number is not None and len(mask) >= min_points
        ]
        every = [mask for label, _, mask in truth if label == kind]
        candidates = [
            [score, mask, False]
            for label, score, mask in predictions
            if label == kind and len(mask) >= min_points
        ]
        positives += len(own)
        for target in own:
            scores = []
            for candidate in candidates:
                score, mask, used = candidate
                if used or len(mask & target) / len(mask | target) <= threshold:
                    continue
                candidate[2] = not scores
                scores.append(score)
            scores.sort(reverse=True)
            curve += [(score, place == 0) for place, score in enumerate(scores)]
        for score, mask, _ in candidates:
            fits = any(len(mask & other) / len(mask | other) > threshold for other in every)
            if not fits and len(mask & ignored) / len(mask) <= threshold:
                curve.append((score, False))
    if not positives:
        return float("nan")
    points = [(0.0, 1.0)]
    for level in sorted({score for score, _ in curve}, reverse=True):
        taken = [right for score, right in curve if score >= level]
        points.append((sum(taken) / positives, sum(taken) / len(taken)))
    return sum((r1 - r0) * (p0 + p1) / 2 for (r0, p0), (r1, p1) in pairwise(points))


def random_scene(rng, *, points=80, classes=3):
    """Labels by stretches, and masks that are instances with some points changed, or chance."""
    cuts = np.sort(rng.choice(np.arange(1, points), 11, replace=False))
    piece = np.searchsorted(cuts, np.arange(points), side="right")
    segment = rng.integers(-1, classes, 12)[piece]
    instance = np.where(rng.random(12) < 0.15, NONE, rng.permutation(12))[piece]
    masks = np.zeros((14, points), bool)
    for mask in masks:
        if rng.random() < 0.7:
            mask[:] = (piece == rng.integers(12)) ^ (rng.random(points) < rng.choice([0, 0.03]))
        else:
            start = rng.integers(points - 20)
            mask[start : start + rng.integers(1, 20)] = True
    scores = rng.choice([0.2, 0.4, 0.6, 0.8], 14).astype(np.float32)
    return segment, instance, masks, scores, rng.integers(-1, classes, 14)


def as_sets(segment, instance, masks, scores, kinds):
    pairs = sorted({(k, i) for k, i in zip(segment, instance, strict=True) if k >= 0})
    truth = [
        (k, None if i < 0 else i, set(np.flatnonzero((segment == k) & (instance == i))))
        for k, i in pairs
    ]
    void = set(np.flatnonzero(segment < 0))
    predictions = [
        (k, float(s), set(np.flatnonzero(m)))
        for k, s, m in zip(kinds, scores, masks, strict=True)
        if m.any()
    ]
    return truth, void, predictions


def prepared(segment, instance, masks, scores, kinds, *, min_points):
    kept = masks.sum(axis=1) >= min_points
    regions = true_regions(segment, instance, min_points=min_points)
    return overlaps_of(Masks.of(masks[kept]), scores[kept], kinds[kept], regions)


@pytest.mark.parametrize("seed", range(12))
def test_random_scenes_equal_the_slow_twin(seed):
    rng = np.random.default_rng(seed)
    min_points = int(rng.integers(1, 8))
    raw = [random_scene(rng) for _ in range(3)]
    table = average_precisions([prepared(*item, min_points=min_points) for item in raw], 3)
    sets = [as_sets(*item) for item in raw]
    expected = [
        [slow_ap(sets, kind, threshold, min_points) for threshold in THRESHOLDS]
        for kind in range(3)
    ]
    np.testing.assert_allclose(table, expected, atol=1e-12)
    assert np.nanmax(table) > 0


@pytest.mark.parametrize("seed", range(4))
def test_random_scenes_equal_a_public_implementation(seed):
    public = pytest.importorskip(
        "torch_pointcloud.metrics", reason="torch-pointcloud is not installed"
    )
    import torch

    rng = np.random.default_rng(100 + seed)
    raw = []
    for _ in range(3):
        segment, instance, *rest = random_scene(rng)
        raw.append((np.where(instance < 0, NONE, segment), instance, *rest))  # it has no groups
    matches = [
        public.instance_matches(
            *(torch.from_numpy(a) for a in (masks, kinds, scores, ids, labels))
        )
        for labels, ids, masks, scores, kinds in raw
    ]
    expected = [
        public.instance_average_precision(
            matches, iou_threshold=float(t), average="none", num_classes=3, min_points=4
        ).numpy()
        for t in THRESHOLDS
    ]
    table = average_precisions([prepared(*item, min_points=4) for item in raw], 3)
    np.testing.assert_allclose(table.T, expected, atol=1e-12)
