"""Votes of views on the classes of the points of a scene."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from seg3d_ros.scene import Float32, Int64

UNSEEN = -1


class LabelVotes:
    """Histogram of classes for each point; every view that sees a point gives it one vote.

    Args:
        points: N, of the scene.
        classes: K.
    """

    def __init__(self, points: int, classes: int) -> None:
        self._counts = np.zeros((points, classes), np.int32)

    def add(self, rows: Int64, labels: Int64) -> None:
        """Count the labels (P,) of the points in P different rows."""
        self._counts[rows, labels] += 1

    def labels(self, points: Float32) -> Int64:
        """(N,) class with most votes, the lowest of equals; unseen points copy the nearest seen.

        Args:
            points: (N, 3) metres.

        Returns:
            `UNSEEN` everywhere if nothing was seen.
        """
        seen = self._counts.any(axis=1)
        labels: Int64 = self._counts.argmax(axis=1)
        if not seen.any():
            return np.full(len(labels), UNSEEN, np.int64)
        if not seen.all():
            nearest = cKDTree(points[seen]).query(points[~seen])[1]
            labels[~seen] = labels[seen][nearest]
        return labels
