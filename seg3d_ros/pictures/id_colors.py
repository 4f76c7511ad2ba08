"""Object ids of the points of a scene, and their colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.point_owners import owner_of_points
from seg3d_ros.pictures.palette import color_of
from seg3d_ros.scene import Scene, UInt8

NO_OBJECT = 0
UNKNOWN_COLOR = (128, 128, 128)  # RGB of points of no class


def object_ids(scene: Scene, objects: Sequence[MapObject]) -> npt.NDArray[np.uint32]:
    """(N,) id of the object each point belongs to, NO_OBJECT for the rest; the smaller wins."""
    smallest_last = sorted(objects, key=len, reverse=True)
    of_owner = np.array([*(item.id for item in smallest_last), NO_OBJECT], np.uint32)
    return of_owner[owner_of_points(scene, smallest_last)]


def colors_of_ids(ids: npt.NDArray[np.integer]) -> UInt8:
    """(N, 3) uint8 RGB palette colours of (N,) object ids."""
    unique, inverse = np.unique(ids, return_inverse=True)
    return np.array([color_of(int(i)) for i in unique], np.uint8).reshape(-1, 3)[inverse]


def colors_of_classes(class_ids: npt.NDArray[np.integer]) -> UInt8:
    """(N, 3) uint8 RGB of (N,) class ids, grey for 0, no class."""
    colors = colors_of_ids(class_ids)
    colors[class_ids == 0] = UNKNOWN_COLOR
    return colors
