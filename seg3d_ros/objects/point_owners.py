"""Owner of each point of a scene among objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from seg3d_ros.kernels import kernel
from seg3d_ros.objects.elements import ascending_order
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.scene import Int64, Scene

Int32 = npt.NDArray[np.int32]

NO_OWNER = -1


def owner_of_points(scene: Scene, objects: Sequence[MapObject]) -> Int32:
    """(N,) int32 index in `objects` of the owner of each point, NO_OWNER where there is none.

    The later object wins where some share points. The objects' ids are searched in the scene's,
    not the reverse: that costs as much as the objects are large, however many there are.
    """
    owner = np.full(len(scene), NO_OWNER, np.int32)
    if not objects:
        return owner
    order = ascending_order(scene.element_ids)
    ids = scene.element_ids if order is None else scene.element_ids[order]
    starts = np.cumsum([0, *(len(known) for known in objects)])
    owned = np.concatenate([known.element_ids for known in objects])
    _find_owners(np.ascontiguousarray(ids), owned, starts, owner)
    if order is not None:
        owner[order] = owner.copy()
    return owner


def object_rows(scene: Scene, known: MapObject) -> Int64:
    """Rows of the scene's points that belong to an object, ascending; others are out of view."""
    return np.flatnonzero(owner_of_points(scene, [known]) != NO_OWNER)


@kernel
def _find_owners(ids, owned, starts, owner):  # type: ignore[no-untyped-def]
    """Search ascending lists in an ascending one: in growing steps, then by halves."""
    for track in range(starts.size - 1):
        low = 0
        for i in range(starts[track], starts[track + 1]):
            step, high = 1, low
            while high < ids.size and ids[high] < owned[i]:
                low = high + 1
                high += step
                step *= 2
            high = min(high, ids.size)
            while low < high:
                middle = (low + high) // 2
                if ids[middle] < owned[i]:
                    low = middle + 1
                else:
                    high = middle
            if low < ids.size and ids[low] == owned[i]:
                owner[low] = track
