"""Parameters of the layout of a room: gaps, proportions, clutter, disorder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seg3d_ros.synthesis.names import Furnishing
from seg3d_ros.synthesis.shapes import Shape

_UPRIGHT = frozenset({"aquarium", "cake", "computer", "drinking glass", "plant", "flowers", "tv"})
_LEANING = frozenset({"broom", "ladder", "shovel", "mattress", "whiteboard", "mannequin"})
_ON_SIDE = ((90.0, 0.0), (-90.0, 0.0), (0.0, 90.0), (0.0, -90.0))


@dataclass(frozen=True)
class LayoutStyle:
    """Parameters of the layout of a room; the defaults give neat rooms.

    Attributes:
        gap: between things, metres; below 0 they touch or sink in a little.
        scale: range of the size of things, of that in the library.
        stretch: range of further factors of width, depth and height, one by one.
        on_floor: share of the small things that lie on the floor.
        stacked: weight of small things as carriers, beside furniture.
        crowded: share of things that are pushed against their nearest neighbour or a wall.
        askew: share of furniture that stands anywhere instead of along a wall.
        tipped: share of small things that lie on a side.
    """

    gap: float = 0.01
    scale: tuple[float, float] = (0.85, 1.15)
    stretch: tuple[float, float] = (1.0, 1.0)
    on_floor: float = 0.1
    stacked: float = 0.0
    crowded: float = 0.0
    askew: float = 0.0
    tipped: float = 0.0

    def shape(self, item: Furnishing, rng: np.random.Generator) -> Shape:
        """Shape of the next thing."""
        scale = rng.uniform(*self.scale)
        if self.stretch == (1.0, 1.0):
            return Shape(scale)
        x, y, z = rng.uniform(*self.stretch, 3).tolist()
        return Shape(scale, (x, y, z), self._tip(item, rng))

    def happens(self, share: float, rng: np.random.Generator) -> bool:
        """True for a share of the calls; impossible things need no random number."""
        return share > 0 and rng.random() < share

    def _tip(self, item: Furnishing, rng: np.random.Generator) -> tuple[float, float]:
        if item.name in _LEANING:
            return float(rng.uniform(-25, 0)), 0.0
        if item.place != "top" or item.name in _UPRIGHT or not self.happens(self.tipped, rng):
            return 0.0, 0.0
        return _ON_SIDE[int(rng.integers(len(_ON_SIDE)))]


NEAT = LayoutStyle()


def random_layout_style(rng: np.random.Generator) -> LayoutStyle:
    """Random parameters, from those of a show flat to those of a workshop."""
    return LayoutStyle(
        gap=float(rng.choice([-0.004, 0.0, 0.01])),
        scale=(0.9, 1.1),
        stretch=(0.8, 1.25),
        on_floor=rng.uniform(0.03, 0.35),
        stacked=rng.uniform(0.0, 0.3),
        crowded=rng.uniform(0.2, 0.9),
        askew=rng.uniform(0.0, 0.3) if rng.random() < 0.5 else 0.0,
        tipped=rng.uniform(0.0, 0.3),
    )
