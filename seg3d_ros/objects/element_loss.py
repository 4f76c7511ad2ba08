"""Elements that objects lose to the map or to others, and objects that end by that."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from seg3d_ros.objects.map_object import with_elements
from seg3d_ros.objects.tracking import Track
from seg3d_ros.scene import Bool, Int64, MapGrid


def keep_elements(
    tracks: Sequence[Track], kept: Callable[[Int64], Bool], grid: MapGrid, *, carved: bool
) -> tuple[list[Track], list[Track]]:
    """Take elements from tracks.

    Args:
        tracks: those that go on are changed in place.
        kept: maps (K,) element ids to (K,) bool, False where an element is lost.
        grid: of the map.
        carved: the map has lost the elements too, not this object alone.

    Returns:
        Tracks that go on, and those of which too little is left, as they were.
    """
    if not tracks:
        return [], []
    ends = np.cumsum([len(track.known) for track in tracks])
    ids = np.concatenate([track.known.element_ids for track in tracks])
    stays = np.split(np.asarray(kept(ids), bool), ends[:-1])
    left: list[Track] = []
    ended: list[Track] = []
    for track, mask in zip(tracks, stays, strict=True):
        size = int(np.count_nonzero(mask))
        track.carved += (len(mask) - size) * carved
        if track.is_remnant(size):
            ended.append(track)
            continue
        if size < len(mask):
            track.known = with_elements(track.known, track.known.elements.select(mask), grid)
        left.append(track)
    return left, ended
