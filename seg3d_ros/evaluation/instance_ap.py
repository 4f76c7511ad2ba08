"""Average precision of instances, as the ScanNet benchmark counts.

A. Dai et al., "ScanNet: Richly-annotated 3D Reconstructions of Indoor Scenes", CVPR 2017; what the
paper leaves open is settled by the benchmark's script, so that numbers compare with published
ones:

- A prediction fits an instance of its class when their IoU is above the threshold.
- Instances choose in their order: of the predictions that fit and that no earlier instance has
  claimed, one makes a true positive with the best of their scores; each other is a false positive.
- A prediction that fits nothing is a false positive, unless the share of its points that are
  ignored is above the threshold.
- AP is the area under precision over recall, joined by straight lines through (0, 1) and one
  point for each score that occurs.
- AP is averaged over nine thresholds, 0.5 to 0.9; the script stops short of 0.95.
- A class without instances has no AP; one without predictions has 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seg3d_ros.evaluation.overlaps import Overlaps
from seg3d_ros.scene import Bool, Float32, Float64, Int64

THRESHOLDS = np.append(np.arange(0.5, 0.95, 0.05), 0.25)  # the last: AP25 only
_AT_50, _AT_25 = 0, len(THRESHOLDS) - 1


@dataclass(frozen=True)
class AveragePrecision:
    """AP: mean over the thresholds 0.5 to 0.9; at 0.5; at 0.25. NaN where nothing is there."""

    ap: float
    ap50: float
    ap25: float


@dataclass(frozen=True, eq=False)
class Matches:
    """True and false positives among the predictions of a scene at one threshold.

    Attributes:
        scores: (K,) of true and false positives.
        correct: (K,) True for true positives.
        classes: (K,) of each.
        missed: (F,) class of each instance that nothing was found for.
    """

    scores: Float32
    correct: Bool
    classes: Int64
    missed: Int64


def average_precisions(scenes: Sequence[Overlaps], class_count: int) -> Float64:
    """(class_count, len(THRESHOLDS)) AP of each class at each threshold, NaN without instances.

    Args:
        scenes: overlaps of all scenes; predictions below the minimum size are gone already.
        class_count: classes are 0 to class_count - 1.
    """
    table = np.full((class_count, len(THRESHOLDS)), np.nan)
    for column, threshold in enumerate(THRESHOLDS):
        pooled = _pooled([match(scene, threshold=threshold) for scene in scenes])
        for row in range(class_count):
            own = pooled.classes == row
            missed = int((pooled.missed == row).sum())
            if missed or pooled.correct[own].any():
                table[row, column] = area(pooled.scores[own], pooled.correct[own], missed=missed)
    return table


def summarize(table: Float64) -> AveragePrecision:
    """Mean of the rows of `average_precisions` that have instances."""
    present = table[~np.isnan(table).any(axis=1)]
    if not len(present):
        return AveragePrecision(np.nan, np.nan, np.nan)
    mean = present.mean(axis=0)
    return AveragePrecision(float(mean[:_AT_25].mean()), float(mean[_AT_50]), float(mean[_AT_25]))


def match(scene: Overlaps, *, threshold: float) -> Matches:
    """Decide which predictions of a scene are right at an IoU threshold."""
    same = scene.classes[:, None] == scene.region_classes
    fits = (scene.ious > threshold) & same  # (M, R)
    claimed = np.zeros(len(scene.scores), np.bool_)
    right, wrong, missed = [], [], []
    for region in np.flatnonzero(scene.counted):
        rows = np.flatnonzero(fits[:, region] & ~claimed)
        if not len(rows):
            missed.append(scene.region_classes[region])
            continue
        claimed[rows[0]] = True  # not the best one: such is the protocol
        best = rows[scene.scores[rows].argmax()]
        right.append(best)
        wrong.extend(rows[rows != best])
    ignored = scene.void + (scene.shared * (same & ~scene.counted)).sum(axis=1)
    blamed = (scene.classes >= 0) & ~fits.any(axis=1)
    blamed &= ignored / scene.sizes <= threshold
    rows = np.array([*right, *wrong, *np.flatnonzero(blamed)], np.int64)
    correct = np.arange(len(rows)) < len(right)
    return Matches(scene.scores[rows], correct, scene.classes[rows], np.array(missed, np.int64))


def area(scores: Float32, correct: Bool, *, missed: int) -> float:
    """Area under precision over recall.

    Args:
        scores: (K,) of true and false positives.
        correct: (K,) True for true positives.
        missed: instances that nothing was found for; there is at least one of these or of those.
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.diff(scores[order]) != 0, True)[: len(order)]  # last of equal scores
    found = np.cumsum(correct[order])[ends]
    taken = np.flatnonzero(ends) + 1
    precision = np.append(1.0, found / taken)
    recall = np.append(0.0, found / (correct.sum() + missed))
    return float((np.diff(recall) * (precision[1:] + precision[:-1]) / 2).sum())


def _pooled(scenes: Sequence[Matches]) -> Matches:
    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(scene, name) for scene in scenes])

    return Matches(joined("scores"), joined("correct"), joined("classes"), joined("missed"))
