"""Choice and placement of plausible furniture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from seg3d_ros.synthesis.furnishing import Furnisher
from seg3d_ros.synthesis.names import Furnishing, Place, names
from seg3d_ros.synthesis.openings import make_openings
from seg3d_ros.synthesis.poses import Size
from seg3d_ros.synthesis.room import Room
from seg3d_ros.synthesis.supports import Support
from seg3d_ros.synthesis.themes import ANCHORS, COMPANY

_TURN: dict[Place, int] = {"rug": 0, "window": 0, "ceiling": 2, "top": 3}  # all others: 1
_ANYWHERE = 0.4  # share of things that do not care what the room is for
_ANCHOR = 0.6  # probability of each thing that a theme calls for
_COMPANY = 0.8


def furnish(
    rng: np.random.Generator,
    furnishings: Sequence[Furnishing],
    supports: Callable[[str], Sequence[Support]],
) -> Room:
    """Make up a room and furnish it.

    Args:
        rng: the room is a function of its state and the other arguments.
        furnishings: what may be used; every model comes about equally often, those of names
            with many models less often than those of names with few.
        supports: where a model, given by its key, carries things.
    """
    room = empty_room(rng, (rng.uniform(3, 7), rng.uniform(3, 6), rng.uniform(2.4, 3)))
    return replace(room, placed=tuple(fill(room, rng, furnishings, supports).placed))


def empty_room(rng: np.random.Generator, size: Size) -> Room:
    """Room of a size with doors, windows and a theme."""
    openings = make_openings(rng, size)
    return Room(size, str(rng.choice(sorted(ANCHORS))), openings, ())


def fill(
    room: Room,
    rng: np.random.Generator,
    furnishings: Sequence[Furnishing],
    supports: Callable[[str], Sequence[Support]],
) -> Furnisher:
    """Furnish an empty room; see `furnish`."""
    furnisher = Furnisher(rng, room.size, room.openings, supports)
    area = room.size[0] * room.size[1]
    for item in in_order(rng, _chosen(rng, furnishings, room.theme, area=area)):
        if furnisher.put(item) and rng.random() < _COMPANY:
            bring_company(rng, furnisher, item, furnishings)
    return furnisher


def _chosen(
    rng: np.random.Generator, furnishings: Sequence[Furnishing], theme: str, *, area: float
) -> list[Furnishing]:
    anchors = [name for name in ANCHORS[theme] if rng.random() < _ANCHOR]
    chosen = [one for name in anchors if (one := one_of(rng, furnishings, (name,))) is not None]
    weights = weights_of(furnishings, theme)
    count = min(int(rng.integers(22, 34) + area / 3), int((weights > 0).sum()))
    drawn = rng.choice(len(furnishings), count, replace=False, p=weights)
    return chosen + [furnishings[number] for number in drawn]


def weights_of(furnishings: Sequence[Furnishing], theme: str | None) -> NDArray[np.float64]:
    """(N,) odds of each model in a room of a theme; None: of no theme. They sum to one."""
    counts = Counter(item.name for item in furnishings)
    rare = np.array([counts[item.name] ** -0.3 for item in furnishings])
    anywhere = rare / rare.sum()
    if theme is None:
        return np.asarray(anywhere)
    themes = [names()[item.name].themes for item in furnishings]
    typical = rare * [(theme in some) / len(some) for some in themes]
    if not typical.any():
        return anywhere
    return np.asarray((1 - _ANYWHERE) * typical / typical.sum() + _ANYWHERE * anywhere)


def in_order(rng: np.random.Generator, items: Sequence[Furnishing]) -> list[Furnishing]:
    """Order of placement: carriers before the carried; the large before the small, roughly."""

    def turn_and_size(item: Furnishing) -> tuple[int, float]:
        area = item.model.width * item.model.depth
        return _TURN.get(item.place, 1), -area * rng.uniform(0.5, 2)

    return sorted(items, key=turn_and_size)


def bring_company(
    rng: np.random.Generator,
    room: Furnisher,
    item: Furnishing,
    furnishings: Sequence[Furnishing],
) -> None:
    """Place the usual companions of what was placed last."""
    company = COMPANY.get(item.name)
    guest = one_of(rng, furnishings, company.names) if company else None
    if company is not None and guest is not None:
        room.put_company(guest, company)


def one_of(
    rng: np.random.Generator, furnishings: Sequence[Furnishing], wanted: Sequence[str]
) -> Furnishing | None:
    """Any model of any of some names; None if there is none."""
    by_name = {name: [item for item in furnishings if item.name == name] for name in wanted}
    options = [name for name in wanted if by_name[name]]
    if not options:
        return None
    items = by_name[options[rng.integers(len(options))]]
    return items[rng.integers(len(items))]
