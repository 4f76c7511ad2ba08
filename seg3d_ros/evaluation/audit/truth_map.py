"""Ground truth of map voxels, voted for by the labelled points of each frame."""

from __future__ import annotations

import numpy as np

from seg3d_ros.recordings.truth import NONE, Int32
from seg3d_ros.scene import Int64
from seg3d_ros.synthesis.fusion import majority

_LONGEST_MEMORY = 3  # frames that must say otherwise before a voxel changes its label


class TruthMap:
    """True object of each voxel, as the newest frames show it.

    Each frame casts one vote for a voxel, the label of most of its points. Votes are counted as
    by Boyer and Moore (MJRTY, 1981): the same label adds one, another takes one away, and at zero
    takes over. The count is bounded, so that a place follows when a thing is carried away.
    """

    def __init__(self) -> None:
        """Start with no voxel."""
        self._ids = np.empty(0, np.int64)
        self._labels = np.empty(0, np.int32)
        self._counts = np.empty(0, np.int64)

    def vote(self, element_ids: Int64, labels: Int32) -> None:
        """Count the labels (N,) of one frame's points in voxels (N,); NONE does not count."""
        known = labels != NONE
        voted, voxel = np.unique(element_ids[known], return_inverse=True)
        votes = majority(voxel.astype(np.int32), labels[known], count=len(voted))
        self._make_room(voted)
        rows = np.searchsorted(self._ids, voted)
        counts = self._counts[rows] + np.where(self._labels[rows] == votes, 1, -1)
        changed = counts < 0
        self._labels[rows[changed]] = votes[changed]
        self._counts[rows] = np.where(changed, 1, np.minimum(counts, _LONGEST_MEMORY))

    def forget(self, number: int) -> None:
        """Take an object's label from all voxels: it was carried away, seen there or not."""
        stale = self._labels == number
        self._labels[stale] = NONE
        self._counts[stale] = 0

    def labels(self, element_ids: Int64) -> Int32:
        """(N,) label of each voxel, NONE for those without a vote."""
        if not len(self._ids):
            return np.full(len(element_ids), NONE, np.int32)
        rows = np.minimum(np.searchsorted(self._ids, element_ids), len(self._ids) - 1)
        return np.where(self._ids[rows] == element_ids, self._labels[rows], NONE).astype(np.int32)

    def _make_room(self, voted: Int64) -> None:
        new = np.setdiff1d(voted, self._ids, assume_unique=True)
        order = np.argsort(np.concatenate([self._ids, new]), kind="stable")

        self._ids = np.concatenate([self._ids, new])[order]
        self._labels = np.append(self._labels, np.full(len(new), NONE, np.int32))[order]
        self._counts = np.append(self._counts, np.zeros(len(new), np.int64))[order]
