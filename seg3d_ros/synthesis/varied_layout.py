"""Rooms as people leave them: of many sizes, full, untidy, not always of one purpose."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from seg3d_ros.synthesis.built_in import fill_office, fit_kitchen
from seg3d_ros.synthesis.furnishing import Furnisher
from seg3d_ros.synthesis.layout import bring_company, in_order, one_of, weights_of
from seg3d_ros.synthesis.layout_style import random_layout_style
from seg3d_ros.synthesis.names import Furnishing
from seg3d_ros.synthesis.openings import make_openings
from seg3d_ros.synthesis.poses import Size
from seg3d_ros.synthesis.room import Room
from seg3d_ros.synthesis.supports import Support
from seg3d_ros.synthesis.themes import ANCHORS

_UNTHEMED = 1 / 3  # share of rooms whose furniture has nothing to do with each other
_AREA = {"bathroom": (3.0, 10.0), "hall": (4.0, 12.0), "kids": (7.0, 18.0)}
_ANY_AREA = (8.0, 34.0)  # square metres
_ANCHOR = 0.7
_COMPANY = 0.8
_SMALL = (4, 70)  # small things offered to a room of 15 square metres
_COPIED = 0.25  # share of things that come more than once
Supports = Callable[[str], Sequence[Support]]


def furnish_varied(
    rng: np.random.Generator, furnishings: Sequence[Furnishing], supports: Supports
) -> Room:
    """Make up a room and furnish it with varied habits; arguments as for `furnish`."""
    theme = str(rng.choice(sorted(ANCHORS)))
    size = _size(rng, theme)
    openings = make_openings(rng, size)
    room = Furnisher(rng, size, openings, supports, random_layout_style(rng))
    themed = rng.random() > _UNTHEMED
    if themed:
        _arrange(rng, room, furnishings, theme, size)
    weights = weights_of(furnishings, theme if themed else None)
    for item in in_order(rng, _drawn(rng, furnishings, weights, area=size[0] * size[1])):
        if room.put(item) and themed and rng.random() < _COMPANY:
            bring_company(rng, room, item, furnishings)
    return Room(size, theme, openings, tuple(room.placed))


def _size(rng: np.random.Generator, theme: str) -> Size:
    area = rng.uniform(*_AREA.get(theme, _ANY_AREA))
    aspect = np.exp(rng.uniform(-0.6, 0.6)) * (2.0 if theme == "hall" else 1.0)
    width = max(float(np.sqrt(area * aspect)), 1.5)
    height = rng.uniform(2.3, 2.8) if rng.random() < 0.75 else rng.uniform(2.8, 4.0)
    return width, max(area / width, 1.5), height


def _arrange(
    rng: np.random.Generator,
    room: Furnisher,
    furnishings: Sequence[Furnishing],
    theme: str,
    size: Size,
) -> None:
    """What a theme calls for."""

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
    """Some furniture and many small things; some of them more than once."""
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
