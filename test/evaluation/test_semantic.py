from __future__ import annotations

import numpy as np
import pytest

from seg3d_ros.evaluation.semantic import Confusion, harmonic_mean, mean_iou


def test_ious_by_hand():
    confusion = Confusion(4)
    #       class 0: 2 of 3 right; class 1: 1 right, 1 unnamed; class 2: only predicted
    truth = np.array([0, 0, 0, 1, 1, -1, -1])
    called = np.array([0, 0, 2, 1, -1, 0, 3])
    confusion.add(called[:4], truth[:4])
    confusion.add(called[4:], truth[4:])
    np.testing.assert_allclose(confusion.ious(), [2 / 3, 1 / 2, 0, np.nan])
    assert mean_iou(confusion, range(4)) == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert mean_iou(confusion, [1, 2]) == pytest.approx(1 / 2)
    assert np.isnan(mean_iou(confusion, [2, 3]))
    assert np.isnan(mean_iou(confusion, []))


def test_ious_equal_those_of_sets():
    rng = np.random.default_rng(0)
    truth, called = rng.integers(-1, 5, 300), rng.integers(-1, 5, 300)
    confusion = Confusion(5)
    confusion.add(called, truth)
    known = truth >= 0
    for kind, iou in enumerate(confusion.ious()):
        ours, theirs = (
            set(np.flatnonzero(known & (labels == kind))) for labels in (truth, called)
        )
        assert iou == pytest.approx(len(ours & theirs) / len(ours | theirs))


def test_the_harmonic_mean_punishes_the_worse():
    assert harmonic_mean([0.6, 0.3]) == pytest.approx(0.4)
    assert harmonic_mean([0.6, 0.0]) == 0
    assert np.isnan(harmonic_mean([0.6, float("nan")]))


def test_labels_for_other_points_are_refused():
    with pytest.raises(ValueError, match="3 predicted labels for 4 points"):
        Confusion(2).add(np.zeros(3, int), np.zeros(4, int))
