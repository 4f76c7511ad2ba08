"""Furniture that stands in rows: fitted kitchens, desks of an office."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from seg3d_ros.synthesis.furnishing import Furnisher
from seg3d_ros.synthesis.names import Furnishing
from seg3d_ros.synthesis.openings import TURN_DEG, on_wall
from seg3d_ros.synthesis.poses import Poses, Size
from seg3d_ros.synthesis.shapes import Shape
from seg3d_ros.synthesis.themes import COMPANY

Pick = Callable[..., Furnishing | None]  # any model of any of some names
_APPLIANCES = ("sink", "oven", "washing machine", "refrigerator", "kitchen cabinet")
_WALL_CABINETS_AT = (1.35, 1.55)  # metres above the floor


def fit_kitchen(rng: np.random.Generator, room: Furnisher, size: Size, pick: Pick) -> None:
    """Place rows of units of one height and depth along one or two walls, cabinets above."""
    height, depth, width = rng.uniform(0.82, 0.94), rng.uniform(0.55, 0.65), rng.uniform(0.4, 0.65)
    unit, upper = pick("kitchen cabinet"), pick("wall cabinet")
    first = int(rng.integers(4))
    for wall in (first, (first + 1) % 4)[: int(rng.integers(1, 3))]:
        row = [unit] * int(rng.integers(2, 7)) + [pick(*_APPLIANCES) for _ in range(3)]
        row = [row[number] for number in rng.permutation(len(row))]
        above = [upper] * int(rng.integers(2, 7))
        start = rng.uniform(0.0, 0.5)
        _row(room, size, wall, [_fitted(one, (width, depth, height)) for one in row], start, 0.0)
        fitted = [_fitted(one, (width, 0.35, rng.uniform(0.5, 0.8))) for one in above[:1]]
        at = rng.uniform(*_WALL_CABINETS_AT)
        _row(room, size, wall, fitted * len(above), start, at)


_Fitted = tuple[Furnishing, Shape] | None


def _fitted(item: Furnishing | None, size: Size) -> _Fitted:
    """Model stretched to a size; tall ones keep their height."""
    if item is None:
        return None
    model = item.model
    tall = model.height > 1.2 and size[2] > 0.8
    stretch = (size[0] / model.width, size[1] / model.depth, 1 if tall else size[2] / model.height)
    return item, Shape(1.0, stretch)


def _row(
    room: Furnisher, size: Size, wall: int, row: Sequence[_Fitted], start: float, low: float
) -> None:
    """Place things side by side along a wall, from so many metres from its end."""
    along = start
    for item, shape in (one for one in row if one is not None):
        width, depth, _ = shape.extent(item.model)
        at, walls = np.array([along + width / 2]), np.array([wall])
        middle = on_wall(walls, at, np.array([depth / 2 + 0.004]), size)
        room.put_at(item, Poses(middle, TURN_DEG[walls], np.array([low])), shape=shape)
        along += width + 0.011  # more than any gap that has to be kept


def fill_office(rng: np.random.Generator, room: Furnisher, pick: Pick) -> None:
    """Place two to six desks, mostly of one model, each with a chair and a screen."""
    desk, chair, company = pick("desk", "table"), pick("office chair", "chair"), COMPANY["desk"]
    for _ in range(int(rng.integers(2, 7))):
        if desk is None or not room.put(desk):
            continue
        number = len(room.placed) - 1
        screen = pick("computer", "tv")
        if chair is not None and rng.random() < 0.9:
            room.put_company(chair, company, host=number)
        if screen is not None and rng.random() < 0.8:
            room.put_on_carrier(screen, Shape(), number)
