"""Surfaces of a room and the pictures on its walls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seg3d_ros.synthesis.materials import Material, floor_material, wall_material
from seg3d_ros.synthesis.patterns import any_floor, any_wall
from seg3d_ros.synthesis.room import Opening

Span = tuple[float, float, float, float]  # start, end, bottom, top on a wall, metres


@dataclass(frozen=True)
class Decor:
    """Choice of surfaces; the defaults are those of neat rooms.

    Attributes:
        floor, wall: draw materials.
        pictures: most pictures on a wall.
    """

    floor: Callable[[np.random.Generator], Material] = floor_material
    wall: Callable[[np.random.Generator], Material] = wall_material
    pictures: int = 0


PLAIN = Decor()
LIVELY = Decor(any_floor, any_wall, pictures=3)


def picture_spans(
    decor: Decor, length: float, height: float, openings: list[Opening], rng: np.random.Generator
) -> list[Span]:
    """Places for pictures on a wall, beside its openings and beside each other.

    Args:
        decor: says how many at most.
        length: of the wall, metres.
        height: of the wall, metres.
        openings: in this wall.
        rng: of the places; not used where there are no pictures.
    """
    taken = [(o.start - 0.1, o.end + 0.1, o.bottom - 0.1, o.top + 0.1) for o in openings]
    spans: list[Span] = []
    for _ in range(int(rng.integers(decor.pictures + 1)) if decor.pictures else 0):
        wide, high = np.exp(rng.uniform(np.log(0.2), np.log(1.1), 2)).tolist()
        if wide + 0.1 > length:
            continue
        start = rng.uniform(0.05, length - wide - 0.05)
        bottom = min(rng.uniform(0.7, 1.6), height - high - 0.05)
        span = (start, start + wide, bottom, bottom + high)
        if bottom > 0.3 and not any(_meet(span, other) for other in [*taken, *spans]):
            spans.append(span)
    return spans


def _meet(one: Span, other: Span) -> bool:
    apart = one[0] > other[1] or other[0] > one[1] or one[2] > other[3] or other[2] > one[3]
    return not apart
