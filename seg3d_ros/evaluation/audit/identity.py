"""Identity scores of a sequence of moments: switches, fragments, IDF1.

Switches and fragments as by Bernardin and Stiefelhagen, "Evaluating Multiple Object Tracking
Performance: The CLEAR MOT Metrics", 2008. IDF1 as by Ristani et al., "Performance Measures and a
Data Set for Multi-Target, Multi-Camera Tracking", ECCV Workshops 2016: the one-to-one pairing of
true and known objects over the whole sequence that agrees in the most moments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from seg3d_ros.evaluation.audit.moment import MATCH_IOU, Moment
from seg3d_ros.scene import Int64


@dataclass(frozen=True)
class IdentityScores:
    """Identity scores of a sequence.

    Attributes:
        idf1: harmonic mean of identity precision and recall, in [0, 1].
        switches: moments in which a true object has another known one than when last matched.
        fragments: times that a true object is matched again after it was not.
        true_moments: true objects summed over the moments.
    """

    idf1: float
    switches: int
    fragments: int
    true_moments: int


def identity_scores(moments: Sequence[Moment]) -> IdentityScores:
    """Identity scores of moments in the order of time; NaN where nothing is there."""
    switches, fragments = _interruptions(match_sequence(moments))
    true_moments = sum(len(moment.true_ids) for moment in moments)
    return IdentityScores(_idf1(moments), switches, fragments, true_moments)


def match_sequence(moments: Sequence[Moment]) -> list[dict[int, int]]:
    """Known object of each matched true object, moment by moment.

    Pairs of the moment before are kept while they still overlap enough; the others are matched
    so that the sum of overlaps is largest.
    """
    matched: list[dict[int, int]] = []
    for moment in moments:
        before = matched[-1] if matched else {}
        kept = np.array([before.get(number, 0) for number in moment.true_ids.tolist()])
        bonus = (kept[:, None] == moment.object_ids[None]) & (kept[:, None] > 0)
        allowed = moment.ious >= MATCH_IOU
        value = np.where(allowed, moment.ious + len(moment.true_ids) * bonus, 0.0)
        rows, columns = linear_sum_assignment(value, maximize=True)
        found = allowed[rows, columns]
        pairs = zip(moment.true_ids[rows[found]], moment.object_ids[columns[found]], strict=True)
        matched.append({int(true): int(known) for true, known in pairs})
    return matched


def _interruptions(matched: Sequence[dict[int, int]]) -> tuple[int, int]:
    """Switches and fragments."""
    last: dict[int, int] = {}
    switches = fragments = 0
    before: dict[int, int] = {}
    for now in matched:
        for true, known in now.items():
            switches += true in last and last[true] != known
            fragments += true in last and true not in before
        last |= now
        before = now
    return switches, fragments


def _idf1(moments: Sequence[Moment]) -> float:
    together = pair_counts([(m.true_ids, m.object_ids, m.ious >= MATCH_IOU) for m in moments])
    rows, columns = linear_sum_assignment(together, maximize=True)
    true_positives = int(together[rows, columns].sum())
    presence = sum(len(moment.true_ids) + len(moment.object_ids) for moment in moments)
    return 2 * true_positives / presence if presence else float("nan")


def pair_counts(pairs: Sequence[tuple[Int64, Int64, np.ndarray]]) -> np.ndarray:
    """Sum of (G, P) weights by pair of ids over a sequence.

    Args:
        pairs: for each moment (G,) true ids, (P,) known ids and (G, P) weights.

    Returns:
        (all true ids, all known ids) sums, ids ascending.
    """
    empty = np.empty(0, np.int64)
    trues = np.unique(np.concatenate([empty, *(true for true, _, _ in pairs)]))
    knowns = np.unique(np.concatenate([empty, *(known for _, known, _ in pairs)]))
    total = np.zeros((len(trues), len(knowns)))
    for true, known, weights in pairs:
        total[np.ix_(np.searchsorted(trues, true), np.searchsorted(knowns, known))] += weights
    return total
