"""Look of an object: its size and colour when most of it was seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seg3d_ros.masks import Int32
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.scene import Float32, Float64

_WHOLE_SHARE = 0.9  # of the most voxels that were seen: such a view replaces an older one


@dataclass(frozen=True, eq=False)
class Look:
    """Appearance of an object when most of it was seen.

    Attributes:
        voxels: of it.
        extents: (3,) sorted extents along x and y of its box, then its height, metres.
        color: (3,) float32 mean RGB in [0, 1].
    """

    voxels: int
    extents: Float64
    color: Float32


def look_of(known: MapObject, color: Float32) -> Look:
    """Appearance of an object with a mean colour (3,)."""
    width, depth, height = known.box.size.tolist()
    return Look(len(known), np.array([*sorted((width, depth)), height]), color)


def look_again(before: Look | None, known: MapObject, color: Float32) -> Look:
    """Look after a further view; one that shows much less than before changes nothing."""
    if before is None or len(known) >= _WHOLE_SHARE * before.voxels:
        return look_of(known, color)
    return before


def mean_colors(of_point: Int32, count: int, colors: Float32) -> Float32:
    """(count, 3) float32 mean colour of each segment.

    Args:
        of_point: (N,) segment of each point, negative where there is none.
        count: number of segments.
        colors: (N, 3) float32 RGB.
    """
    held = np.flatnonzero(of_point >= 0)
    rows = of_point[held]
    sums = [np.bincount(rows, colors[held, k], minlength=count) for k in range(3)]
    sizes = np.maximum(np.bincount(rows, minlength=count), 1)
    return (np.stack(sums, axis=1) / sizes[:, None]).astype(np.float32)
