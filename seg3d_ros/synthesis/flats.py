"""Floor plans: single rooms, and flats whose rooms lie along a corridor with open doors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from seg3d_ros.synthesis.openings import make_openings
from seg3d_ros.synthesis.poses import Size
from seg3d_ros.synthesis.room import Opening
from seg3d_ros.synthesis.shell import REVEAL_M
from seg3d_ros.synthesis.themes import ANCHORS

_WALL_M = 2 * REVEAL_M  # the holes of both rooms meet in the middle
_CORNER_M = 0.15  # from a corner to a passage
_AREA = {"bathroom": (3.0, 10.0), "hall": (4.0, 12.0), "kids": (7.0, 18.0)}
_ANY_AREA = (8.0, 34.0)  # square metres


@dataclass(frozen=True)
class Plan:
    """A room to be furnished; see `Room` for the attributes."""

    size: Size
    theme: str
    openings: tuple[Opening, ...]
    origin: tuple[float, float] = (0.0, 0.0)


def plan_room(rng: np.random.Generator) -> Plan:
    """A room of a size that suits its theme."""
    theme = str(rng.choice(sorted(ANCHORS)))
    area = rng.uniform(*_AREA.get(theme, _ANY_AREA))
    aspect = np.exp(rng.uniform(-0.6, 0.6)) * (2.0 if theme == "hall" else 1.0)
    width = max(float(np.sqrt(area * aspect)), 1.5)
    size = (width, max(area / width, 1.5), _height(rng))
    return Plan(size, theme, make_openings(rng, size))


def plan_flat(rng: np.random.Generator) -> list[Plan]:
    """A corridor along x and two to four rooms on one or both of its sides; up to 80 m²."""
    height, length, width = _height(rng), rng.uniform(4.5, 8.0), rng.uniform(1.1, 1.8)
    themes = iter(rng.permutation(sorted(ANCHORS)).tolist())
    corridor: list[Opening] = []
    rooms: list[Plan] = []
    sides: list[Literal["north", "south"]] = ["north", "south"]
    for side in sides[: int(rng.integers(1, 3))]:
        cut = rng.uniform(0.4, 0.6) * length
        spans = [(0.0, cut - _WALL_M / 2), (cut + _WALL_M / 2, length)]
        for start, end in spans:
            size = (end - start, rng.uniform(2.4, 4.0), height)
            passage = _passage(rng, size[0])
            y = width + _WALL_M if side == "north" else -size[1] - _WALL_M
            openings = _seen_from_inside(rng, passage, side, size)
            rooms.append(Plan(size, next(themes), openings, (start, y)))
            a, b = passage.start + start, passage.end + start
            corridor.append(Opening("passage", side, a, b, 0.0, passage.top))
    return [Plan((length, width, height), "hall", tuple(corridor)), *rooms]


def _height(rng: np.random.Generator) -> float:
    return float(rng.uniform(2.3, 2.8) if rng.random() < 0.75 else rng.uniform(2.8, 4.0))


def _passage(rng: np.random.Generator, length: float) -> Opening:
    width = rng.uniform(0.75, 1.0)
    start = _CORNER_M + rng.uniform(0, length - width - 2 * _CORNER_M)
    return Opening("passage", "south", start, start + width, 0.0, rng.uniform(1.95, 2.15))


def _seen_from_inside(
    rng: np.random.Generator, passage: Opening, side: str, size: Size
) -> tuple[Opening, ...]:
    """The passage to the corridor, and in most rooms a window opposite."""
    near, far = ("south", "north") if side == "north" else ("north", "south")
    here = Opening("passage", near, passage.start, passage.end, 0.0, passage.top)  # type: ignore[arg-type]
    if rng.random() < 0.2:
        return (here,)
    start = rng.uniform(0.15, 0.3) * size[0]
    end, bottom = size[0] - start * rng.uniform(0.5, 1.5), rng.uniform(0.4, 1.0)
    return here, Opening("window", far, start, end, bottom, rng.uniform(1.9, 2.2))  # type: ignore[arg-type]
