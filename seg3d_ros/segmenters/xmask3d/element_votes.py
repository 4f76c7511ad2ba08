"""Votes of views on the classes of map elements, and the mean of their features, by element id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from seg3d_ros.scene import Bool, Float32, Int64, Scene

_LEAST_ROWS = 1024
T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, eq=False)
class SeenElements:
    """Rows of a scene of N points that views have seen.

    Attributes:
        seen: (N,) bool.
        labels: (N,) int64 class with most votes, the lowest of equals; what is unseen copies the
            nearest that was seen, -1 where nothing was.
        rows: (N,) int64 rows of the memory, of the nearest as well, -1 where nothing was.
    """

    seen: Bool
    labels: Int64
    rows: Int64


class ElementVotes:
    """Votes and mean features; each view that sees an element gives it one vote.

    An element takes 1.5 kB of 768 features, and 2 bytes a class.

    Args:
        classes: K.
        width: D, numbers of a feature.
    """

    def __init__(self, classes: int, width: int) -> None:
        self._ids = np.empty(0, np.int64)  # ascending
        self._rows = np.empty(0, np.int64)  # of these ids
        self._counts: npt.NDArray[np.uint16] = np.zeros((0, classes), np.uint16)
        self._means: npt.NDArray[np.float16] = np.zeros((0, width), np.float16)

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, element_ids: Int64, labels: Int64, features: Float32) -> None:
        """Count a view.

        Args:
            element_ids: (P,) that it sees, each once.
            labels: (P,) classes.
            features: (P, D) unit vectors.
        """
        self._make_room(element_ids)
        rows = self._find(element_ids)
        views = self._counts[rows].sum(axis=1, dtype=np.int64)[:, None]
        full = views[:, 0] == np.iinfo(np.uint16).max
        rows, labels, features, views = (a[~full] for a in (rows, labels, features, views))
        mean = self._means[rows].astype(np.float32)
        self._means[rows] = mean + (features - mean) / (views + 1)
        self._counts[rows, labels] += 1

    def look_up(self, scene: Scene) -> SeenElements:
        """Classes of the elements of a scene."""
        rows = self._find(scene.element_ids)
        seen = rows >= 0
        if seen.any() and not seen.all():
            nearest = cKDTree(scene.points[seen]).query(scene.points[~seen])[1]
            rows[~seen] = rows[seen][nearest]
        labels = np.full(len(rows), -1, np.int64)
        if seen.any():
            labels = self._counts[rows].argmax(axis=1)
        return SeenElements(seen, labels, rows)

    def mean_features(self, rows: Int64) -> Float32:
        """(D,) mean over rows of the memory."""
        return self._means[rows].mean(axis=0, dtype=np.float32)

    def keep(self, element_ids: Int64) -> None:
        """Forget all other elements."""
        kept = np.isin(self._ids, element_ids)
        rows = self._rows[kept]
        self._counts, self._means = self._counts[rows], self._means[rows]
        self._ids, self._rows = self._ids[kept], np.arange(len(rows))

    def _find(self, element_ids: Int64) -> Int64:
        """(P,) rows of elements, -1 for those that no view has seen."""
        if not len(self._ids):
            return np.full(len(element_ids), -1, np.int64)
        place = np.searchsorted(self._ids, element_ids).clip(max=len(self._ids) - 1)
        found: Int64 = np.where(self._ids[place] == element_ids, self._rows[place], -1)
        return found

    def _make_room(self, element_ids: Int64) -> None:
        """Rows for elements that have none; their number at least doubles when they run out."""
        new = element_ids[self._find(element_ids) < 0]
        used = len(self._ids)
        total = used + len(new)
        if total > len(self._counts):
            capacity = max(total, 2 * len(self._counts), _LEAST_ROWS)
            self._counts = _enlarged(self._counts, capacity)
            self._means = _enlarged(self._means, capacity)
        ids = np.concatenate([self._ids, new])
        order = np.argsort(ids, kind="stable")
        self._rows = np.concatenate([self._rows, np.arange(used, total)])[order]
        self._ids = ids[order]


def _enlarged(array: npt.NDArray[T], rows: int) -> npt.NDArray[T]:
    larger = np.zeros((rows, array.shape[1]), array.dtype)
    larger[: len(array)] = array
    return larger
