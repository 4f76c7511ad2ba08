"""HOTA: higher order tracking accuracy.

Luiten et al., "HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking", IJCV 2021:
the geometric mean of detection and association accuracy, averaged over localisation thresholds
0.05 to 0.95. As in the authors' TrackEval, the matching of a moment prefers pairs that belong
together over the whole sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from seg3d_ros.evaluation.audit.identity import pair_counts
from seg3d_ros.evaluation.audit.moment import Moment
from seg3d_ros.scene import Float64

THRESHOLDS = np.arange(0.05, 0.99, 0.05)


class Hota(NamedTuple):
    """HOTA with its detection and association accuracy, means over the thresholds, in [0, 1]."""

    hota: float
    detection: float
    association: float


def hota_scores(moments: Sequence[Moment]) -> Hota:
    """HOTA of moments in the order of time; NaN where nothing is there."""
    true_moments = sum(len(moment.true_ids) for moment in moments)
    known_moments = sum(len(moment.object_ids) for moment in moments)
    if not true_moments and not known_moments:
        return Hota(np.nan, np.nan, np.nan)
    trues = np.unique(np.concatenate([moment.true_ids for moment in moments]))
    knowns = np.unique(np.concatenate([moment.object_ids for moment in moments]))
    true_count = _presence([moment.true_ids for moment in moments], len(trues))
    known_count = _presence([moment.object_ids for moment in moments], len(knowns))
    shares = pair_counts([(m.true_ids, m.object_ids, _share(m.ious)) for m in moments])
    alignment = shares / np.maximum(true_count[:, None] + known_count - shares, 1e-9)
    matched = np.zeros((len(THRESHOLDS), len(trues), len(knowns)))
    for moment in moments:
        rows = np.searchsorted(trues, moment.true_ids)
        columns = np.searchsorted(knowns, moment.object_ids)
        value = alignment[np.ix_(rows, columns)] * moment.ious
        row, column = linear_sum_assignment(value, maximize=True)
        for level, threshold in enumerate(THRESHOLDS):
            fits = moment.ious[row, column] >= threshold - np.finfo(float).eps
            matched[level, rows[row[fits]], columns[column[fits]]] += 1
    positives = matched.sum(axis=(1, 2))
    detection = positives / (true_moments + known_moments - positives)
    together = matched / np.maximum(true_count[:, None] + known_count - matched, 1)
    association = (matched * together).sum(axis=(1, 2)) / np.maximum(positives, 1)
    hota = np.sqrt(detection * association)
    return Hota(float(hota.mean()), float(detection.mean()), float(association.mean()))


def _presence(ids: Sequence[np.ndarray], count: int) -> Float64:
    """(count,) moments in which each id is there, ids ascending."""
    every = np.concatenate(ids)
    return np.unique(every, return_counts=True)[1].astype(float) if count else np.zeros(0)


def _share(ious: Float64) -> Float64:
    """(G, P) overlaps as shares of all overlaps of either side."""
    total = ious.sum(axis=0)[None] + ious.sum(axis=1)[:, None] - ious
    return np.divide(ious, total, out=np.zeros_like(ious), where=total > np.finfo(float).eps)
