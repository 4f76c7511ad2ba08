"""Poses to try for a thing of a size, where things of its kind go in a room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seg3d_ros.synthesis.boxes import Boxes
from seg3d_ros.synthesis.openings import TURN_DEG, WALLS, on_wall
from seg3d_ros.synthesis.room import Opening, Placed
from seg3d_ros.synthesis.supports import Support

Array = NDArray[np.float64]
Size = tuple[float, float, float]
TRIES = 48  # poses for each thing


@dataclass(frozen=True, eq=False)
class Poses:
    """(N,) poses.

    Attributes:
        middle: (N, 2) x and y of a thing's middle.
        turn_deg: (N,) counter-clockwise turn; at 0 its front faces -y.
        low: (N,) height of its foot.
    """

    middle: Array
    turn_deg: Array
    low: Array

    def __len__(self) -> int:
        return len(self.middle)

    def __getitem__(self, index: slice | NDArray[np.int64]) -> Poses:
        return Poses(self.middle[index], self.turn_deg[index], self.low[index])

    def and_also(self, other: Poses) -> Poses:
        """These poses, then the others."""
        return Poses(
            np.concatenate([self.middle, other.middle]),
            np.concatenate([self.turn_deg, other.turn_deg]),
            np.concatenate([self.low, other.low]),
        )

    @classmethod
    def none(cls) -> Poses:
        """No pose at all."""
        return cls(np.empty((0, 2)), np.empty(0), np.empty(0))


def anywhere(rng: np.random.Generator, size: Size) -> Poses:
    """On the floor, turned in any way."""
    middle = rng.uniform((0, 0), size[:2], (TRIES, 2))
    return Poses(middle, rng.uniform(0, 360, TRIES), np.zeros(TRIES))


def in_line(
    rng: np.random.Generator, size: Size, *, low: float = 0.0, inset: float = 0.0
) -> Poses:
    """Parallel to the walls, more or less, away from them by a part of the room's size."""
    off = inset * np.array(size[:2])
    middle = rng.uniform(off, np.array(size[:2]) - off, (TRIES, 2))
    turn = 90.0 * rng.integers(4, size=TRIES) + rng.normal(0, 3, TRIES)
    return Poses(middle, turn, np.full(TRIES, low))


def along_walls(
    rng: np.random.Generator,
    size: Size,
    extent: Size,
    *,
    low: float = 0.0,
    tilt_deg: float = 0.0,
    neighbours: Boxes,
) -> Poses:
    """With the back to a wall: anywhere along it, in a corner, or right beside a neighbour."""
    walls = rng.integers(4, size=TRIES)
    tilt = rng.normal(0, tilt_deg, TRIES) * (rng.random(TRIES) < 0.4)
    lean = np.abs(np.sin(np.radians(tilt))) * extent[0] / 2
    off = extent[1] / 2 + lean + rng.uniform(0.002, 0.03 if tilt_deg else 0.005, TRIES)
    along = _along(rng, np.array(size)[walls % 2], walls % 2, extent[0], neighbours)
    return Poses(on_wall(walls, along, off, size), TURN_DEG[walls] + tilt, np.full(TRIES, low))


def _along(
    rng: np.random.Generator,
    lengths: Array,
    axes: NDArray[np.int64],
    width: float,
    neighbours: Boxes,
) -> Array:
    """(N,) metres along walls of some lengths that run along x (axis 0) or y (1)."""
    chance = rng.random(len(lengths))
    margin = width / 2 + 0.02
    corner = np.where(rng.random(len(lengths)) < 0.5, margin, lengths - margin)
    along = np.where(chance < 0.15, corner, rng.uniform(0, lengths))
    if not len(neighbours):
        return along
    chosen = rng.integers(len(neighbours), size=len(lengths))
    gap = neighbours.reach()[chosen, axes] + width / 2 + rng.uniform(0.01, 0.05, len(lengths))
    beside = neighbours.middle[chosen, axes] + rng.choice([-1, 1], len(lengths)) * gap
    return np.where(chance > 0.55, beside, along)


def before_windows(
    rng: np.random.Generator, size: Size, extent: Size, openings: Sequence[Opening]
) -> Poses:
    """Before a window, from a little above it downwards."""
    windows = [opening for opening in openings if opening.name == "window"]
    if not windows:
        return Poses.none()
    window = windows[int(rng.integers(len(windows)))]
    low = max(window.top + 0.1 - extent[2], 0.02)
    along = (window.start + window.end) / 2 + rng.uniform(-0.2, 0.2, TRIES)
    walls = np.full(TRIES, WALLS.index(window.wall))
    off = np.full(TRIES, extent[1] / 2 + 0.02)
    return Poses(on_wall(walls, along, off, size), TURN_DEG[walls], np.full(TRIES, low))


def on_support(
    rng: np.random.Generator, carrier: Placed, level: Support, extent: Size, *, turn_deg: float
) -> Poses:
    """Pose of a thing, turned so far against its carrier, on one of the carrier's levels."""
    box = Boxes.of_one_size(np.zeros((1, 2)), np.radians([turn_deg]), np.zeros(1), size=extent)
    width, depth = 2 * box.reach()[0]
    x, y, z = carrier.stretch
    spots = level.spots(width / x, depth / y, extent[2] / z + 0.01, scale=carrier.scale)
    spots = spots[rng.permutation(len(spots))[:TRIES]]
    middle = np.array([carrier.x, carrier.y]) + spots * (x, y) @ turned(carrier.turn_deg)
    low = np.full(len(spots), carrier.z + level.height * carrier.scale * z)
    return Poses(middle, np.full(len(spots), carrier.turn_deg + turn_deg), low)


def turned(degrees: float) -> Array:
    """(2, 2) the x and y axes of a frame that is turned: rows @ this turns row vectors."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[cosine, sine], [-sine, cosine]])
