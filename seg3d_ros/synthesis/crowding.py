"""Poses pushed against what stands next to them."""

from __future__ import annotations

import numpy as np

from seg3d_ros.synthesis.boxes import Boxes
from seg3d_ros.synthesis.poses import Poses, Size

_FARTHEST_M = 0.6  # things farther from all others stay where they are


def pushed(poses: Poses, extent: Size, others: Boxes, room: Size) -> Poses:
    """Poses moved along x or y until they touch their nearest neighbour or a wall.

    Args:
        poses: (N,) of things of an extent.
        extent: metres along x, y and z.
        others: what is in the way of them.
        room: extents of the room, metres.

    Returns:
        Those that had a neighbour within 0.6 m, the nearest first, then all of them as they were.
    """
    low = poses.low
    boxes = Boxes.of_one_size(poses.middle, np.radians(poses.turn_deg), low, size=extent)
    others = others.and_also(_walls(room))
    away = others.middle[None] - boxes.middle[:, None]  # (N, M, 2)
    gaps = np.abs(away) - boxes.reach()[:, None] - others.reach()[None]
    axis = gaps.argmax(axis=2)
    gap = np.take_along_axis(gaps, axis[..., None], 2)[..., 0]
    apart = (boxes.low[:, None] >= others.high) | (boxes.high[:, None] <= others.low)
    gap[apart | (gap < 0)] = np.inf
    nearest = gap.argmin(axis=1)
    rows = np.arange(len(boxes))
    gap, axis = gap[rows, nearest], axis[rows, nearest]
    chosen = np.argsort(gap)[: int((gap < _FARTHEST_M).sum())]
    middle = poses.middle[chosen].copy()
    towards = np.sign(away[chosen, nearest[chosen], axis[chosen]])
    middle[np.arange(len(chosen)), axis[chosen]] += towards * gap[chosen]
    near = poses[chosen]
    return Poses(middle, near.turn_deg, near.low).and_also(poses)


def _walls(room: Size) -> Boxes:
    """Boxes of no thickness around a room."""
    x, y, z = room
    middle = np.array([(x / 2, 0), (x / 2, y), (0, y / 2), (x, y / 2)])
    half = np.array([(x / 2, 0), (x / 2, 0), (0, y / 2), (0, y / 2)])
    return Boxes(middle, half, np.zeros(4), np.zeros(4), np.full(4, z))
