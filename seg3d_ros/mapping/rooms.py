"""Rooms: the part of a map around a place, bounded by walls and doorways.

Doorways are narrower than rooms: cells that are farther from all walls than half a doorway fall
into one piece a room, and the cells beside a wall or in a doorway go to the nearest piece.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from seg3d_ros.errors import InputError
from seg3d_ros.scene import Bool, Float64, Int64, Scene

_CELL_M = 0.1
_WALL_LOW_M, _WALL_HIGH_M = 0.4, 1.9  # heights above the floor that a wall fills
_WALL_STEPS, _WALL_FILLED = 10, 0.5  # into which they are cut, and the share that is filled
_DOORWAY_M = 0.55  # half of the widest one
_NEAR_M = 1.0  # from the place to its room
_CLOSED_CELLS = 3  # holes of what was seen, up to twice as wide, are closed
_STRAIGHT_M = 0.12  # corners that stick out less are left out


def room_around(scene: Scene, floor: float, place: Float64) -> Float64:
    """Corners (K, 2) of the room around a place, in order around it, map frame, metres.

    Args:
        scene: the map.
        floor: height of its floor, map frame, metres.
        place: (2,) or (3,) of the map frame, metres.

    Raises:
        InputError: no room was seen there.
    """
    cells = np.floor(scene.points[:, :2] / _CELL_M).astype(np.int64)
    low = cells.min(axis=0) - 1 - _CLOSED_CELLS
    shape = cells.max(axis=0) - low + 2 + _CLOSED_CELLS
    height = scene.points[:, 2] + (scene.origin[2] - floor)
    seen, walls = _seen_and_walls(cells - low, height, (int(shape[0]), int(shape[1])))
    here = np.floor((place[:2] - scene.origin[:2]) / _CELL_M).astype(np.int64) - low
    room = _room(seen & ~walls, walls, here)
    if room is None:
        raise InputError(
            f"no room was seen within {_NEAR_M:g} m of ({place[0]:.2f}, {place[1]:.2f}); "
            "give a place in it, or the corners of the area"
        )
    corners = _simplified(_outline(room).astype(np.float64), _STRAIGHT_M / _CELL_M)
    return (corners + low) * _CELL_M + scene.origin[:2]


def _seen_and_walls(cells: Int64, height: Float64, shape: tuple[int, int]) -> tuple[Bool, Bool]:
    """Cells (W, H) that hold a voxel below the ceiling, small holes closed, and those of walls."""
    seen = np.zeros(shape, bool)
    below = height < _WALL_HIGH_M
    seen[tuple(cells[below].T)] = True
    seen = ndimage.binary_closing(seen, iterations=_CLOSED_CELLS)
    step = (_WALL_HIGH_M - _WALL_LOW_M) / _WALL_STEPS
    rising = (height >= _WALL_LOW_M) & below
    steps = ((height[rising] - _WALL_LOW_M) / step).astype(np.int64)
    filled = np.zeros((*shape, _WALL_STEPS), bool)
    filled[(*cells[rising].T, steps)] = True
    walls: Bool = filled.mean(axis=2) >= _WALL_FILLED
    return seen, walls


def _room(open_cells: Bool, walls: Bool, here: Int64) -> Bool | None:
    """(W, H) cells of the room that a cell is in or near; None: there is none."""
    apart = ndimage.distance_transform_edt(~walls) if walls.any() else np.inf
    cores, count = ndimage.label(open_cells & (apart > _DOORWAY_M / _CELL_M))
    if not count:
        return None
    distance, nearest = ndimage.distance_transform_edt(cores == 0, return_indices=True)
    inside = bool(np.all((here >= 0) & (here < cores.shape)))
    if not inside or distance[tuple(here)] > _NEAR_M / _CELL_M:
        return None
    owner = cores[tuple(nearest)]
    reach = distance <= _DOORWAY_M / _CELL_M + 1
    own = open_cells & reach & (owner == owner[tuple(here)])
    pieces, _ = ndimage.label(own)
    largest = int(np.bincount(pieces.ravel())[1:].argmax()) + 1
    room: Bool = ndimage.binary_fill_holes(pieces == largest)
    return room


def _outline(room: Bool) -> Int64:
    """Corners (K, 2) of the outer border of (W, H) cells; those at the grid's border are free."""
    edges: dict[tuple[int, int], list[tuple[int, int]]] = {}
    # By the side of a cell that another kind of cell lies on: where its edge begins and ends.
    sides = (((-1, 0), (0, 1), (0, 0)), ((1, 0), (1, 0), (1, 1)),
             ((0, -1), (0, 0), (1, 0)), ((0, 1), (1, 1), (0, 1)))  # fmt: skip
    for beside, start, end in sides:
        outside = ~np.roll(room, (-beside[0], -beside[1]), axis=(0, 1))
        for x, y in np.argwhere(room & outside).tolist():
            edges.setdefault((x + start[0], y + start[1]), []).append((x + end[0], y + end[1]))
    first = min(edges)
    corners = [first]
    while edges[corners[-1]]:
        corners.append(edges[corners[-1]].pop())
        if corners[-1] == first:
            break
    return np.array(corners[:-1], np.int64)


def _simplified(corners: Float64, tolerance: float) -> Float64:
    """Corners without those that lie near the line between others (Douglas and Peucker, 1973)."""
    far = int(np.linalg.norm(corners - corners[0], axis=1).argmax())
    closed = np.concatenate([corners, corners[:1]])
    kept = np.zeros(len(closed), bool)
    kept[[0, far]] = True
    open_parts = [(0, far), (far, len(closed) - 1)]
    while open_parts:
        start, end = open_parts.pop()
        if end - start < 2:
            continue
        along = closed[end] - closed[start]
        offset = closed[start + 1 : end] - closed[start]
        across = np.abs(along[0] * offset[:, 1] - along[1] * offset[:, 0])
        across /= max(float(np.linalg.norm(along)), 1e-9)
        worst = start + 1 + int(across.argmax())
        if across.max() > tolerance:
            kept[worst] = True
            open_parts += [(start, worst), (worst, end)]
    return closed[:-1][kept[:-1]]
