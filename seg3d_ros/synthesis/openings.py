"""Doors and windows of a made room, and the space that has to stay free before them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seg3d_ros.synthesis.boxes import Boxes
from seg3d_ros.synthesis.room import Opening, Wall

WALLS: tuple[Wall, ...] = ("south", "east", "north", "west")
# A thing with its back to the wall has its front towards the room when turned by so much.
TURN_DEG: dict[Wall, float] = {"south": 180.0, "east": 270.0, "north": 0.0, "west": 90.0}
_CORNER = 0.12  # metres from a corner to an opening, at least
_DOOR_SWING = 0.85  # metres into the room
_WINDOW_DEPTH = 0.15


def length_of(wall: Wall, size: tuple[float, float, float]) -> float:
    """Metres along a wall."""
    return size[0] if wall in ("south", "north") else size[1]


def on_wall(wall: Wall, along: float, off: float, size: tuple[float, float, float]) -> np.ndarray:
    """(2,) x and y of the point so far along a wall and off it."""
    return np.array(
        {
            "south": (along, off),
            "north": (along, size[1] - off),
            "west": (off, along),
            "east": (size[0] - off, along),
        }[wall]
    )


def make_openings(
    rng: np.random.Generator, size: tuple[float, float, float]
) -> tuple[Opening, ...]:
    """One or two doors and up to three windows, apart from each other."""
    kinds = ["door"] * int(rng.choice([1, 2], p=[0.7, 0.3]))
    kinds += ["window"] * int(rng.choice(4, p=[0.1, 0.4, 0.35, 0.15]))
    openings: list[Opening] = []
    for kind in kinds:
        tries = (_opening(rng, kind, size) for _ in range(8))
        fitting = (one for one in tries if one is not None and _apart(one, openings))
        openings += [one for one in (next(fitting, None),) if one is not None]
    return tuple(openings)


def _opening(
    rng: np.random.Generator, kind: str, size: tuple[float, float, float]
) -> Opening | None:
    wall = WALLS[rng.integers(4)]
    width = rng.uniform(0.75, 1.0) if kind == "door" else rng.uniform(0.6, 1.9)
    room = length_of(wall, size) - width - 2 * _CORNER
    if room <= 0:
        return None
    start = _CORNER + rng.uniform(0, room)
    if kind == "door":
        return Opening("door", wall, start, start + width, 0.0, rng.uniform(1.95, 2.15))
    bottom = rng.uniform(0.75, 1.1)
    top = min(bottom + rng.uniform(0.9, 1.4), size[2] - 0.15)
    return Opening("window", wall, start, start + width, bottom, top)


def _apart(one: Opening, others: Sequence[Opening]) -> bool:
    return all(
        one.wall != other.wall or one.end + 0.1 < other.start or other.end + 0.1 < one.start
        for other in others
    )


def keep_free(openings: Sequence[Opening], size: tuple[float, float, float]) -> Boxes:
    """Space before doors and windows that no furniture may fill."""
    boxes = Boxes.none()
    for opening in openings:
        depth = _DOOR_SWING if opening.name == "door" else _WINDOW_DEPTH
        middle = on_wall(opening.wall, (opening.start + opening.end) / 2, depth / 2, size)
        boxes = boxes.and_also(
            Boxes.of_one_size(
                middle[None],
                np.radians([TURN_DEG[opening.wall]]),
                np.array([opening.bottom]),
                size=(opening.end - opening.start, depth, opening.top - opening.bottom),
            )
        )
    return boxes
