"""Doors and windows of a made room, and the space that has to stay free before them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from seg3d_ros.synthesis.boxes import Boxes
from seg3d_ros.synthesis.room import Opening, Wall

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]
WALLS: tuple[Wall, ...] = ("south", "east", "north", "west")
# A thing with its back to a wall, by the wall's number, has its front towards the room.
TURN_DEG = np.array([180.0, 270.0, 0.0, 90.0])
_CORNER = 0.12  # metres from a corner to an opening, at least
_DOOR_SWING = 0.85  # metres into the room
_WINDOW_DEPTH = 0.15


def on_wall(walls: Numbers, along: Array, off: Array, size: tuple[float, float, float]) -> Array:
    """(N, 2) x and y of points so far along and off walls, given by their numbers."""
    rows, axis = np.arange(len(walls)), walls % 2  # the axis that the wall runs along
    across = np.array(size)[1 - axis]
    points = np.empty((len(walls), 2))
    points[rows, axis] = along
    points[rows, 1 - axis] = np.where((walls == 0) | (walls == 3), off, across - off)
    return points


def make_openings(
    rng: np.random.Generator, size: tuple[float, float, float]
) -> tuple[Opening, ...]:
    """One or two doors and up to three windows, apart from each other."""
    kinds = ["door"] * int(rng.choice([1, 2], p=[0.7, 0.3]))
    kinds += ["window"] * int(rng.choice(4, p=[0.1, 0.4, 0.35, 0.15]))
    openings: list[Opening] = []
    for kind in kinds:
        tries = (_opening(rng, kind, size) for _ in range(8))
        openings += islice((one for one in tries if _apart(one, openings)), 1)
    return tuple(openings)


def _opening(rng: np.random.Generator, kind: str, size: tuple[float, float, float]) -> Opening:
    number = int(rng.integers(4))
    width = rng.uniform(0.75, 1.0) if kind == "door" else rng.uniform(0.6, 1.9)
    width = min(width, size[number % 2] - 2 * _CORNER)  # of a bathroom, say
    start = _CORNER + rng.uniform(0, size[number % 2] - width - 2 * _CORNER)
    if kind == "door":
        return Opening("door", WALLS[number], start, start + width, 0.0, rng.uniform(1.95, 2.15))
    bottom = rng.uniform(0.75, 1.1)
    top = min(bottom + rng.uniform(0.9, 1.4), size[2] - 0.15)
    return Opening("window", WALLS[number], start, start + width, bottom, top)


def _apart(one: Opening, others: Sequence[Opening]) -> bool:
    return all(
        one.wall != other.wall or one.end + 0.1 < other.start or other.end + 0.1 < one.start
        for other in others
    )


def keep_free(openings: Sequence[Opening], size: tuple[float, float, float]) -> Boxes:
    """Space before doors and windows that no furniture may fill."""
    boxes = Boxes.none()
    for opening in openings:
        wall = np.array([WALLS.index(opening.wall)])
        depth = _WINDOW_DEPTH if opening.name == "window" else _DOOR_SWING
        extent = (opening.end - opening.start, depth, opening.top - opening.bottom)
        along = np.array([(opening.start + opening.end) / 2])
        middle = on_wall(wall, along, np.array([depth / 2]), size)
        turn, low = np.radians(TURN_DEG[wall]), np.array([opening.bottom])
        boxes = boxes.and_also(Boxes.of_one_size(middle, turn, low, size=extent))
    return boxes
