"""Memory of objects that ended, by place: what is found there again has its old identity.

A segmenter that takes two things for one, or sees nothing for a while, makes an object end that
is still there. When a later segmentation shows it again, it is no newcomer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import numpy as np

from seg3d_ros.objects.map_object import MapObject, voxel_iou
from seg3d_ros.objects.moves import reunited

KEPT_DORMANT = 200  # objects; the longest ended are dropped


class Dormant:
    """Objects that ended although their voxels are in the map. Its owner holds a lock."""

    def __init__(self) -> None:
        self._objects: deque[MapObject] = deque(maxlen=KEPT_DORMANT)

    def forget(self) -> None:
        """Drop all."""
        self._objects.clear()

    def remember(self, ended: Iterable[MapObject]) -> None:
        """Keep objects that ended, as they were last."""
        self._objects.extend(ended)

    def recognise(self, found: MapObject, *, min_iou: float) -> MapObject | None:
        """A newcomer with the identity of the object that was in its place; None: it is new.

        Args:
            found: newcomer.
            min_iou: least intersection over union of their voxels.
        """
        ious = [voxel_iou(old, found) for old in self._objects]
        best = int(np.argmax([*ious, min_iou]))
        if best == len(ious):
            return None
        old = self._objects[best]
        del self._objects[best]
        return reunited(old, found)
