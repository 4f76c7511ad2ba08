"""Random rooms and flats to train with: many sizes, full, untidy, a third without a theme."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from seg3d_ros.synthesis.built_in import fill_office, fit_kitchen
from seg3d_ros.synthesis.flats import Plan, plan_flat, plan_room
from seg3d_ros.synthesis.furnishing import Furnisher
from seg3d_ros.synthesis.layout import bring_company, in_order, one_of, weights_of
from seg3d_ros.synthesis.layout_style import random_layout_style
from seg3d_ros.synthesis.names import Furnishing
from seg3d_ros.synthesis.poses import Size
from seg3d_ros.synthesis.room import Room
from seg3d_ros.synthesis.supports import Support
from seg3d_ros.synthesis.themes import ANCHORS

_UNTHEMED = 1 / 3  # share of rooms whose furniture has nothing to do with each other
_FLATS = 0.1  # share of the scenes that have several rooms
_ANCHOR = 0.7
_COMPANY = 0.8
_SMALL = (4, 70)  # small things offered to a room of 15 square metres
_COPIED = 0.25  # share of things that come more than once
Supports = Callable[[str], Sequence[Support]]


def furnish_varied(
    rng: np.random.Generator, furnishings: Sequence[Furnishing], supports: Supports
) -> tuple[Room, ...]:
    """Make up a room or a flat with random parameters; arguments as for `furnish`."""
    plans = plan_flat(rng) if rng.random() < _FLATS else [plan_room(rng)]
    return tuple(_furnished(rng, plan, furnishings, supports) for plan in plans)


def _furnished(
    rng: np.random.Generator, plan: Plan, furnishings: Sequence[Furnishing], supports: Supports
) -> Room:
    size, theme = plan.size, plan.theme
    room = Furnisher(rng, size, plan.openings, supports, random_layout_style(rng))
    themed = rng.random() > _UNTHEMED
    if themed:
        _arrange(rng, room, furnishings, theme, size)
    weights = weights_of(furnishings, theme if themed else None)
    for item in in_order(rng, _drawn(rng, furnishings, weights, area=size[0] * size[1])):
        if room.put(item) and themed and rng.random() < _COMPANY:
            bring_company(rng, room, item, furnishings)
    return Room(size, theme, plan.openings, tuple(room.placed), plan.origin)


def _arrange(
    rng: np.random.Generator,
    room: Furnisher,
    furnishings: Sequence[Furnishing],
    theme: str,
    size: Size,
) -> None:
    """Place the furniture that a theme calls for."""

    def pick(*names: str) -> Furnishing | None:
        return one_of(rng, furnishings, names)

    if theme == "kitchen" and rng.random() < 0.8:
        fit_kitchen(rng, room, size, pick)
    if theme == "office" and rng.random() < 0.7:
        fill_office(rng, room, pick)
    anchors = [pick(name) for name in ANCHORS[theme] if rng.random() < _ANCHOR]
    for item in in_order(rng, [anchor for anchor in anchors if anchor is not None]):
        if room.put(item) and rng.random() < _COMPANY:
            bring_company(rng, room, item, furnishings)


def _drawn(
    rng: np.random.Generator,
    furnishings: Sequence[Furnishing],
    weights: np.ndarray[tuple[int], np.dtype[np.float64]],
    *,
    area: float,
) -> list[Furnishing]:
    """Draw some furniture and many small things, some of them more than once."""
    small = np.array([item.place == "top" for item in furnishings])
    fullness = np.exp(rng.uniform(*np.log(_SMALL))) * np.sqrt(area / 15)
    counts = {False: rng.uniform(0.3, 1.3) * area + 2, True: fullness}
    drawn: list[Furnishing] = []
    for kind, count in counts.items():
        odds = weights * (small == kind)
        if not odds.any():
            continue
        numbers = rng.choice(len(odds), int(count), p=odds / odds.sum())
        copied = rng.random(len(numbers)) < _COPIED
        copies = np.where(copied, rng.integers(2, 6, len(numbers)), 1)
        drawn += [furnishings[number] for number in np.repeat(numbers, copies)[: int(count)]]
    return drawn
