"""Furnishing of a room: one piece after the other, none inside another."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from seg3d_ros.synthesis.boxes import Boxes
from seg3d_ros.synthesis.companions import Company
from seg3d_ros.synthesis.crowding import pushed
from seg3d_ros.synthesis.layout_style import NEAT, LayoutStyle
from seg3d_ros.synthesis.names import Furnishing
from seg3d_ros.synthesis.openings import keep_free
from seg3d_ros.synthesis.poses import (
    Poses,
    Size,
    along_walls,
    anywhere,
    before_windows,
    in_line,
    on_support,
)
from seg3d_ros.synthesis.room import Opening, Placed
from seg3d_ros.synthesis.shapes import Shape
from seg3d_ros.synthesis.supports import Support
from seg3d_ros.synthesis.themes import FACING

_AS_IT_IS = Shape()
_CARRIERS = 5  # tried for each thing that goes on top of others
_HUNG_AT = 1.4  # height of the middle of what hangs on a wall, if its author says nothing
_HEADROOM = 1.0  # metres below what hangs from the ceiling, at least


class Furnisher:
    """A room that is being furnished."""

    def __init__(
        self,
        rng: np.random.Generator,
        size: Size,
        openings: Sequence[Opening],
        supports: Callable[[str], Sequence[Support]],
        style: LayoutStyle = NEAT,
    ) -> None:
        """Start with an empty room; `supports` tells where a model, by its key, carries things."""
        self._style = style
        self._rng = rng
        self._size = size
        self._openings = openings
        self._supports = supports
        self._kept_free = keep_free(openings, size)
        self._boxes = Boxes.none()  # of what is placed, in its order
        self._items: list[Furnishing] = []
        self.placed: list[Placed] = []

    def put(self, item: Furnishing) -> bool:
        """Try to place a thing where things of its kind go; tells whether there was room."""
        shape = self._style.shape(item, self._rng)
        on_top = item.place == "top" and self._rng.random() > self._style.on_floor
        if on_top and self._put_on(item, shape):
            return True
        return self.put_at(item, self._poses(item, shape.extent(item.model)), shape=shape)

    def put_company(self, item: Furnishing, company: Company, *, host: int = -1) -> None:
        """Place a few of a thing at what was placed as this number, or last."""
        shape = Shape(self._rng.uniform(0.9, 1.1))
        poses = company.poses(self._rng, self._boxes[[host]], shape.extent(item.model))
        for number in range(len(poses)):
            self.put_at(item, poses[number : number + 1], shape=shape)

    def put_at(
        self,
        item: Furnishing,
        poses: Poses,
        *,
        shape: Shape = _AS_IT_IS,
        carrier: int | None = None,
    ) -> bool:
        """Place a thing at the first of some poses that is in the room and free.

        Args:
            item: the thing.
            poses: in the order in which to try them.
            shape: of the thing.
            carrier: number of what it stands on, whose box it may enter.
        """
        others, extent = self._boxes[self._in_the_way(item, carrier)], shape.extent(item.model)
        if self._style.happens(self._style.crowded, self._rng):
            poses = pushed(poses, extent, others, self._size)
        boxes = Boxes.of_one_size(poses.middle, np.radians(poses.turn_deg), poses.low, size=extent)
        free = self._inside(boxes)
        free &= ~boxes.overlap(others, gap=self._style.gap).any(axis=1)
        if item.place not in ("rug", "window"):
            free &= ~boxes.overlap(self._kept_free).any(axis=1)
        if not free.any():
            return False
        first = int(free.argmax())
        x, y = poses.middle[first].tolist()
        low, turn_deg = float(poses.low[first]), float(poses.turn_deg[first]) % 360
        self.placed.append(Placed(item.model.key, item.name, x, y, low, turn_deg, **vars(shape)))
        self._items.append(item)
        self._boxes = self._boxes.and_also(boxes[first : first + 1])
        return True

    def movable(self) -> list[int]:
        """Numbers of the placed things that people carry about and that carry nothing."""
        places = ("top", "floor", "middle")
        return [
            number
            for number, item in enumerate(self._items)
            if item.place in places and not self._carries(number)
        ]

    def footprint(self, number: int) -> float:
        """Area of the foot of what was placed as this number, m²."""
        return float(4 * self._boxes.half[number].prod())

    def elsewhere(self, number: int) -> Placed | None:
        """Another free place for what was placed as this number; it is taken from now on.

        None if none is found. The old place stays taken as well.
        """
        item, old = self._items[number], self.placed[number]
        shape = Shape(old.scale, old.stretch, old.tip_deg)
        if item.place == "top" and self._put_on(item, shape):
            return self.placed[-1]
        poses = self._poses(item, shape.extent(item.model))
        return self.placed[-1] if self.put_at(item, poses, shape=shape) else None

    def _poses(self, item: Furnishing, extent: Size) -> Poses:
        rng, size = self._rng, self._size
        if item.place in ("wall", "middle") and self._style.happens(self._style.askew, rng):
            return anywhere(rng, size)
        if item.place == "wall":
            return along_walls(rng, size, extent, tilt_deg=1.5, neighbours=self._boxes)
        if item.place == "hung":
            low = self._hung_at(item, extent)
            return along_walls(rng, size, extent, low=low, neighbours=self._boxes)
        if item.place == "window":
            return before_windows(rng, size, extent, self._openings)
        if item.place == "ceiling":
            low = size[2] - extent[2] - 0.002
            return in_line(rng, size, low=low) if low > _HEADROOM else Poses.none()
        if item.place in ("middle", "rug"):
            return in_line(rng, size, inset=0.25 if item.place == "middle" else 0.0)
        return anywhere(rng, size)

    def _hung_at(self, item: Furnishing, extent: Size) -> float:
        low = item.model.elevation
        if low is None:
            low = max(_HUNG_AT - extent[2] / 2, 0.02)
        return min(low * self._rng.uniform(0.95, 1.05), self._size[2] - extent[2] - 0.02)

    def _put_on(self, item: Furnishing, shape: Shape) -> bool:
        """Place a thing on one of a few pieces of furniture, rather on large ones."""
        weights = np.array([self._carries(number) for number in range(len(self._items))])
        possible = int((weights > 0).sum())
        if not possible:
            return False
        count = min(_CARRIERS, possible)
        tried = self._rng.choice(len(weights), count, replace=False, p=weights / weights.sum())
        return any(self.put_on_carrier(item, shape, int(number)) for number in tried)

    def put_on_carrier(self, item: Furnishing, shape: Shape, number: int) -> bool:
        """Try to place a thing on the piece of furniture that was placed as this number."""
        rng, carrier = self._rng, self.placed[number]
        levels = self._supports(carrier.key)
        if not levels:
            return False
        level = levels[int(rng.integers(len(levels)))]
        turn = rng.normal(0, 20) if item.name in FACING else rng.uniform(0, 360)
        poses = on_support(rng, carrier, level, shape.extent(item.model), turn_deg=turn)
        return self.put_at(item, poses, shape=shape, carrier=number)

    def _carries(self, number: int) -> float:
        """Weight of a placed piece in the draw of carriers."""
        item = self._items[number]
        if item.place == "top" and self.placed[number].tip_deg == Shape.tip_deg:
            return self._style.stacked * _area_root(item) if item.model.surface else 0.0
        return _carries(item)

    def _in_the_way(self, item: Furnishing, carrier: int | None) -> NDArray[np.bool_]:
        """(N,) what a thing may not enter; rugs lie under furniture, not under each other."""
        rug = item.place == "rug"
        blocking = np.array([(other.place == "rug") == rug for other in self._items], bool)
        if carrier is not None:
            blocking[carrier] = False
        return blocking

    def _inside(self, boxes: Boxes) -> NDArray[np.bool_]:
        reach = boxes.reach()
        within = (boxes.middle >= reach) & (boxes.middle + reach <= self._size[:2])
        return within.all(axis=1) & (boxes.low >= 0) & (boxes.high <= self._size[2])


def _carries(item: Furnishing) -> float:
    """Weight of a piece of furniture in the draw of carriers."""
    if item.model.surface is None or item.place in ("top", "rug", "ceiling", "window"):
        return 0.0
    seat_or_bed = item.place == "floor" or item.name.endswith(("bed", "sofa", "chair", "bench"))
    return _area_root(item) * (0.25 if seat_or_bed else 1.0)


def _area_root(item: Furnishing) -> float:
    return float(np.sqrt(item.model.width * item.model.depth))
