"""Identity scores of sequences that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from seg3d_ros.evaluation.audit.hota import hota_scores
from seg3d_ros.evaluation.audit.identity import identity_scores, match_sequence
from seg3d_ros.evaluation.audit.moment import Moment


def moment(*pairs: tuple[int, int, float], trues: tuple[int, ...] = (), knowns: tuple = ()):
    """Moment with an IoU for some (true, known) pairs, and 0 for all others."""
    true_ids = sorted({true for true, _, _ in pairs} | set(trues))
    known_ids = sorted({known for _, known, _ in pairs} | set(knowns))
    ious = np.zeros((len(true_ids), len(known_ids)))
    for true, known, iou in pairs:
        ious[true_ids.index(true), known_ids.index(known)] = iou
    return Moment(0, np.array(true_ids, int), np.array(known_ids, int), ious, 0, 0)


def test_a_perfect_sequence():
    moments = [moment((0, 7, 1.0), (1, 8, 1.0)) for _ in range(5)]
    scores = identity_scores(moments)
    assert (scores.idf1, scores.switches, scores.fragments, scores.true_moments) == (1, 0, 0, 10)
    assert hota_scores(moments) == pytest.approx((1, 1, 1))


def test_a_switch_halves_what_one_identity_can_explain():
    moments = [moment((0, 7, 0.9))] * 3 + [moment((0, 8, 0.9))] * 3
    scores = identity_scores(moments)
    assert scores.switches == 1 and scores.fragments == 0
    assert scores.idf1 == pytest.approx(2 * 3 / (6 + 6))
    # At thresholds up to 0.9 all six are found; each pair shares 3 of 6 moments: association 1/2.
    found = 18 / 19
    assert hota_scores(moments).detection == pytest.approx(found)
    assert hota_scores(moments).association == pytest.approx(found / 2)
    assert hota_scores(moments).hota == pytest.approx(found * np.sqrt(1 / 2))


def test_an_interruption_with_the_same_id_is_a_fragment_and_no_switch():
    moments = [moment((0, 7, 0.8)), moment(trues=(0,)), moment((0, 7, 0.8))]
    scores = identity_scores(moments)
    assert (scores.switches, scores.fragments) == (0, 1)
    assert scores.idf1 == pytest.approx(2 * 2 / (3 + 2))


def test_a_known_pair_is_kept_though_another_overlaps_more():
    moments = [moment((0, 7, 0.8)), moment((0, 7, 0.55), (0, 8, 0.9))]
    assert match_sequence(moments) == [{0: 7}, {0: 7}]


def test_pairs_that_overlap_too_little_are_none():
    moments = [moment((0, 7, 0.49))]
    assert match_sequence(moments) == [{}]
    assert identity_scores(moments).idf1 == 0


def test_nothing_at_all_has_no_score():
    assert np.isnan(identity_scores([moment()]).idf1)
    assert np.isnan(hota_scores([moment()]).hota)


def random_moments(seed: int) -> list[Moment]:
    """Moments of objects that come, go and change their ids."""
    rng = np.random.default_rng(seed)
    moments = []
    for _ in range(20):
        trues = np.flatnonzero(rng.random(8) < 0.7)
        knowns = np.flatnonzero(rng.random(12) < 0.6) + 1
        ious = rng.random((len(trues), len(knowns))) ** 3
        moments.append(Moment(0, trues, knowns, ious, 0, 0))
    return moments


@pytest.mark.parametrize("seed", range(4))
def test_scores_equal_those_of_trackeval(seed):
    metrics = pytest.importorskip("trackeval", reason="pip install trackeval").metrics
    moments = random_moments(seed)
    trues = np.unique(np.concatenate([m.true_ids for m in moments]))
    knowns = np.unique(np.concatenate([m.object_ids for m in moments]))
    data = {
        "num_timesteps": len(moments),
        "num_gt_ids": len(trues),
        "num_tracker_ids": len(knowns),
        "num_gt_dets": sum(len(m.true_ids) for m in moments),
        "num_tracker_dets": sum(len(m.object_ids) for m in moments),
        "gt_ids": [np.searchsorted(trues, m.true_ids) for m in moments],
        "tracker_ids": [np.searchsorted(knowns, m.object_ids) for m in moments],
        "similarity_scores": [m.ious for m in moments],
    }
    own, quiet = identity_scores(moments), {"PRINT_CONFIG": False}
    identity = metrics.Identity(quiet).eval_sequence(data)
    assert own.idf1 == pytest.approx(identity["IDF1"])
    clear = metrics.CLEAR(quiet).eval_sequence(data)
    assert (own.switches, own.fragments) == (clear["IDSW"], clear["Frag"])
    theirs = metrics.HOTA().eval_sequence(data)
    expected = [theirs[name].mean() for name in ("HOTA", "DetA", "AssA")]
    assert hota_scores(moments) == pytest.approx(expected)
