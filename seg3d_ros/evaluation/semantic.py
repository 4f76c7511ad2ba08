"""Point labels against the truth: intersection over union of classes, means over groups of them.

The harmonic mean of the mean IoU of seen and of unseen classes is hIoU, as in R. Ding et al.,
"PLA: Language-Driven Open-Vocabulary 3D Scene Understanding", CVPR 2023.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from seg3d_ros.errors import InputError
from seg3d_ros.scene import Float64, Int64


class Confusion:
    """Confusion matrix of points by true and predicted class, over any number of scenes.

    Attributes:
        counts: (C, C + 1) points of a true class (row) that are called so; last: called nothing.
    """

    def __init__(self, class_count: int) -> None:
        self.counts = np.zeros((class_count, class_count + 1), np.int64)

    def add(self, predicted: Int64, truth: Int64) -> None:
        """Count (N,) points; a negative prediction is none, where truth is negative nobody asks.

        Raises:
            InputError: there are not as many predictions as points.
        """
        if predicted.shape != truth.shape:
            raise InputError(f"{len(predicted)} predicted labels for {len(truth)} points")
        known = truth >= 0
        rows, columns = self.counts.shape
        called = np.where(predicted[known] < 0, rows, predicted[known])
        cells = truth[known] * columns + called
        self.counts += np.bincount(cells, minlength=rows * columns).reshape(rows, columns)

    def ious(self) -> Float64:
        """(C,) IoU of each class, NaN where no point is of this class or called so."""
        both = np.diagonal(self.counts)
        union = self.counts.sum(axis=1) + self.counts[:, : len(both)].sum(axis=0) - both
        return np.divide(both, union, out=np.full(len(both), np.nan), where=union > 0)

    def recalls(self) -> Float64:
        """(C,) share of the points of each class that are called so, NaN where there are none."""
        right, total = np.diagonal(self.counts), self.counts.sum(axis=1)
        return np.divide(right, total, out=np.full(len(right), np.nan), where=total > 0)

    def present(self) -> Int64:
        """Classes that the truth has points of."""
        return np.flatnonzero(self.sizes())

    def sizes(self) -> Int64:
        """(C,) points of each class."""
        return self.counts.sum(axis=1)


def mean_iou(confusion: Confusion, classes: Collection[int]) -> float:
    """Mean over those of the classes that the truth has points of; NaN if it has none.

    Classes that are only predicted have no IoU of their own: their points are missing elsewhere.
    """
    chosen = np.intersect1d(np.fromiter(classes, np.int64), confusion.present())
    return float(confusion.ious()[chosen].mean()) if len(chosen) else float("nan")


def harmonic_mean(values: Sequence[float]) -> float:
    """Harmonic mean; 0 if a value is 0, NaN if one is NaN."""
    if 0 in values:
        return 0.0
    return float(len(values) / np.sum(1 / np.asarray(values)))
