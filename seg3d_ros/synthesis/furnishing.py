"""Putting one piece of furniture after the other into a room, none into another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seg3d_ros.synthesis.boxes import Boxes
from seg3d_ros.synthesis.names import Furnishing
from seg3d_ros.synthesis.openings import TURN_DEG, WALLS, keep_free, on_wall
from seg3d_ros.synthesis.room import Opening, Placed
from seg3d_ros.synthesis.supports import Support
from seg3d_ros.synthesis.themes import FACING, Company

Array = NDArray[np.float64]
Size = tuple[float, float, float]
_TRIES = 48  # poses tried for each thing
_GAP = 0.01  # metres between things
_HUNG_AT = 1.4  # height of the middle of what hangs on a wall, if its author says nothing
_HEADROOM = 1.0  # metres below what hangs from the ceiling, at least


@dataclass(frozen=True, eq=False)
class _Poses:
    """(N,) places and turns (degrees) to try."""

    middle: Array
    turn_deg: Array
    low: Array


class Furnisher:
    """A room being furnished. Each method tries to place one thing and tells whether it could."""

    def __init__(
        self,
        rng: np.random.Generator,
        size: Size,
        openings: Sequence[Opening],
        supports: Callable[[str], Sequence[Support]],
    ) -> None:
        self._rng = rng
        self._size = size
        self._openings = openings
        self._supports = supports
        self._kept_free = keep_free(openings, size)
        self._boxes = Boxes.none()  # of what is placed, in its order
        self._items: list[Furnishing] = []
        self.placed: list[Placed] = []

    def put(self, item: Furnishing) -> bool:
        """Place a thing where things of its kind go."""
        ways = {
            "floor": self._on_floor,
            "wall": self._along_wall,
            "middle": self._in_the_middle,
            "rug": self._as_rug,
            "top": self._on_top,
            "hung": self._on_wall,
            "window": self._before_window,
            "ceiling": self._on_ceiling,
        }
        return ways[item.place](item, self._rng.uniform(0.85, 1.15))

    def put_company(self, item: Furnishing, company: Company) -> None:
        """Place some of an item at what was placed last, at the sides that are told."""
        host, box = self.placed[-1], self._boxes[-1:]
        scale = self._rng.uniform(0.9, 1.1)
        slots = _slots(box.half[0] * 2, item.model.width * scale, company)
        wanted = self._rng.integers(1, company.most + 1)
        for side, along in self._rng.permutation(slots)[:wanted]:
            gap = self._rng.uniform(*company.gap)
            self._at_side(item, scale, host, box, (int(side), float(along), gap), company)

    def _at_side(
        self,
        item: Furnishing,
        scale: float,
        host: Placed,
        box: Boxes,
        where: tuple[int, float, float],
        company: Company,
    ) -> bool:
        side, along, gap = where
        # Side 0 is the host's front (its -y), the others follow counter-clockwise.
        outwards = np.radians(host.turn_deg + 90 * side - 90)
        depth = item.model.width if company.side == "beside" else item.model.depth
        off = box.half[0, 1 - side % 2] + gap + depth * scale / 2
        normal = np.array([np.cos(outwards), np.sin(outwards)])
        sideways = np.array([-normal[1], normal[0]])
        if company.side == "beside":  # along the wall, backs in line
            back = box.half[0, 1] - item.model.depth * scale / 2
            along = back if side == 1 else -back
        middle = box.middle[0] + off * normal + along * sideways
        facing = 0.0 if company.side == "beside" else 180.0 + 90 * side
        turn = host.turn_deg + facing + self._rng.normal(0, 6)
        if item.place == "middle":
            turn = host.turn_deg
        return self._first_free(item, scale, _Poses(middle[None], np.array([turn]), np.zeros(1)))

    def _on_floor(self, item: Furnishing, scale: float) -> bool:
        middle = self._rng.uniform((0, 0), self._size[:2], (_TRIES, 2))
        turn = self._rng.uniform(0, 360, _TRIES)
        return self._first_free(item, scale, _Poses(middle, turn, np.zeros(_TRIES)))

    def _in_the_middle(self, item: Furnishing, scale: float) -> bool:
        inset = 0.25 * np.array(self._size[:2])
        middle = self._rng.uniform(inset, np.array(self._size[:2]) - inset, (_TRIES, 2))
        turn = 90.0 * self._rng.integers(4, size=_TRIES) + self._rng.normal(0, 3, _TRIES)
        return self._first_free(item, scale, _Poses(middle, turn, np.zeros(_TRIES)))

    def _as_rug(self, item: Furnishing, scale: float) -> bool:
        """Rugs lie under furniture, so they are kept apart from each other only."""
        middle = self._rng.uniform((0, 0), self._size[:2], (_TRIES, 2))
        turn = 90.0 * self._rng.integers(4, size=_TRIES) + self._rng.normal(0, 4, _TRIES)
        return self._first_free(item, scale, _Poses(middle, turn, np.zeros(_TRIES)))

    def _along_wall(self, item: Furnishing, scale: float) -> bool:
        return self._at_wall(item, scale, low=0.0, tilt_deg=1.5)

    def _on_wall(self, item: Furnishing, scale: float) -> bool:
        model = item.model
        low = model.elevation
        if low is None:
            low = max(_HUNG_AT - model.height * scale / 2, 0.02)
        low = min(low * self._rng.uniform(0.95, 1.05), self._size[2] - model.height * scale - 0.02)
        return low >= 0 and self._at_wall(item, scale, low=low, tilt_deg=0.0)

    def _at_wall(self, item: Furnishing, scale: float, *, low: float, tilt_deg: float) -> bool:
        width, depth = item.model.width * scale, item.model.depth * scale
        walls = [WALLS[number] for number in self._rng.integers(4, size=_TRIES)]
        tilt = self._rng.normal(0, tilt_deg, _TRIES) * (self._rng.random(_TRIES) < 0.4)
        lean = np.abs(np.sin(np.radians(tilt))) * width / 2
        off = depth / 2 + lean + self._rng.uniform(0.002, 0.03 if tilt_deg else 0.005, _TRIES)
        spots = [self._along(item, wall, width) for wall in walls]
        middle = np.array(
            [
                on_wall(wall, along, distance, self._size)
                for wall, along, distance in zip(walls, spots, off, strict=True)
            ]
        )
        turn = np.array([TURN_DEG[wall] for wall in walls]) + tilt
        return self._first_free(item, scale, _Poses(middle, turn, np.full(_TRIES, low)))

    def _along(self, item: Furnishing, wall: str, width: float) -> float:
        """A place along a wall: anywhere, in a corner, or right beside something that is there."""
        axis = 0 if wall in ("south", "north") else 1
        length = self._size[axis]
        chance = self._rng.random()
        if chance < 0.15:
            return float(self._rng.choice([width / 2 + 0.02, length - width / 2 - 0.02]))
        if chance < 0.6 and len(self._boxes):
            neighbour = int(self._rng.integers(len(self._boxes)))
            reach = self._boxes[neighbour : neighbour + 1].reach()[0, axis]
            gap = reach + width / 2 + self._rng.uniform(_GAP, 0.05)
            return float(self._boxes.middle[neighbour, axis] + self._rng.choice([-1, 1]) * gap)
        return float(self._rng.uniform(0, length))

    def _before_window(self, item: Furnishing, scale: float) -> bool:
        windows = [opening for opening in self._openings if opening.name == "window"]
        if not windows:
            return False
        window = windows[self._rng.integers(len(windows))]
        height, depth = item.model.height * scale, item.model.depth * scale
        low = max(window.top + 0.1 - height, 0.02)
        if low + height > self._size[2]:
            return False
        along = (window.start + window.end) / 2 + self._rng.uniform(-0.2, 0.2, _TRIES)
        middle = np.array([on_wall(window.wall, a, depth / 2 + 0.02, self._size) for a in along])
        turn = np.full(_TRIES, TURN_DEG[window.wall])
        poses = _Poses(middle, turn, np.full(_TRIES, low))
        return self._first_free(item, scale, poses, before_openings=True)

    def _on_ceiling(self, item: Furnishing, scale: float) -> bool:
        low = self._size[2] - item.model.height * scale - 0.002
        if low < _HEADROOM:
            return False
        middle = self._rng.uniform((0, 0), self._size[:2], (_TRIES, 2))
        turn = 90.0 * self._rng.integers(4, size=_TRIES)
        return self._first_free(item, scale, _Poses(middle, turn, np.full(_TRIES, low)))

    def _on_top(self, item: Furnishing, scale: float) -> bool:
        """On one of a few pieces of furniture, large ones first; else on the floor."""
        weights = np.array([_carries(carrier) for carrier in self._items])
        if weights.sum() > 0 and self._rng.random() > 0.1:
            order = self._rng.choice(
                len(weights), min(5, int((weights > 0).sum())), False, weights / weights.sum()
            )
            if any(self._on_carrier(item, scale, int(number)) for number in order):
                return True
        return self._on_floor(item, scale)

    def _on_carrier(self, item: Furnishing, scale: float, number: int) -> bool:
        carrier, model = self.placed[number], item.model
        levels = self._supports(carrier.key)
        if not levels:
            return False
        level = levels[int(self._rng.integers(len(levels)))]
        turn = self._rng.normal(0, 20) if item.name in FACING else self._rng.uniform(0, 360)
        box = Boxes.of_one_size(
            np.zeros((1, 2)), np.radians([turn]), np.zeros(1), size=_extent(item, scale)
        )
        width, depth = 2 * box.reach()[0]
        spots = level.spots(width, depth, model.height * scale + _GAP, scale=carrier.scale)
        spots = spots[self._rng.permutation(len(spots))[:_TRIES]]
        if not len(spots):
            return False
        middle = np.array([carrier.x, carrier.y]) + spots @ _turn(carrier.turn_deg).T
        low = np.full(len(spots), carrier.z + level.height * carrier.scale, np.float64)
        turns = np.full(len(spots), carrier.turn_deg + turn)
        return self._first_free(item, scale, _Poses(middle, turns, low), carrier=number)

    def _first_free(
        self,
        item: Furnishing,
        scale: float,
        poses: _Poses,
        *,
        carrier: int | None = None,
        before_openings: bool = False,
    ) -> bool:
        """Place a thing at the first pose that is in the room and free."""
        extent = _extent(item, scale)
        turn = np.radians(poses.turn_deg)
        boxes = Boxes.of_one_size(poses.middle, turn, poses.low, size=extent)
        in_the_way = np.array(
            [
                (other.place == "rug") == (item.place == "rug") and number != carrier
                for number, other in enumerate(self._items)
            ],
            bool,
        )
        free = self._inside(boxes)
        free &= ~boxes.overlap(self._boxes[in_the_way], gap=_GAP).any(axis=1)
        if not before_openings and item.place != "rug":
            free &= ~boxes.overlap(self._kept_free).any(axis=1)
        if not free.any():
            return False
        first = int(free.argmax())
        x, y = poses.middle[first].tolist()
        turned = float(poses.turn_deg[first]) % 360
        self.placed.append(
            Placed(item.model.key, item.name, x, y, float(poses.low[first]), turned, scale)
        )
        self._items.append(item)
        self._boxes = self._boxes.and_also(boxes[first : first + 1])
        return True

    def _inside(self, boxes: Boxes) -> NDArray[np.bool_]:
        reach = boxes.reach()
        low, high = boxes.middle - reach, boxes.middle + reach
        return np.asarray(
            (low >= 0).all(axis=1)
            & (high <= self._size[:2]).all(axis=1)
            & (boxes.high <= self._size[2])
        )


def _slots(host: Array, width: float, company: Company) -> Array:
    """(N, 2) sides of a host of extents (2,) with the offsets along them where company fits."""
    if company.side == "beside":
        return np.array([(1, 0.0), (3, 0.0)])
    slots = []
    for side in range(4 if company.side == "around" else 1):
        length = host[side % 2]
        count = max(int(length // (width + 0.08)), 1 if length > 0.6 * width else 0)
        slots += [(side, (k + 0.5) / count * length - length / 2) for k in range(count)]
    return np.array(slots).reshape(-1, 2)


def _extent(item: Furnishing, scale: float) -> Size:
    model = item.model
    return (model.width * scale, model.depth * scale, model.height * scale)


def _carries(item: Furnishing) -> float:
    """How likely a piece of furniture is to carry something."""
    if item.model.surface is None or item.place in ("top", "rug", "ceiling", "window"):
        return 0.0
    seat_or_bed = item.place == "floor" or item.name.endswith(("bed", "sofa", "chair", "bench"))
    return float(np.sqrt(item.model.width * item.model.depth)) * (0.25 if seat_or_bed else 1.0)


def _turn(degrees: float) -> Array:
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[cosine, -sine], [sine, cosine]])
