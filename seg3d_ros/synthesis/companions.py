"""Furniture that comes with other furniture: chairs at a table, nightstands beside a bed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from seg3d_ros.synthesis.boxes import Boxes
from seg3d_ros.synthesis.poses import Array, Poses, Size, turned


@dataclass(frozen=True)
class Company:
    """Companions of a piece of furniture, the host.

    Attributes:
        names: one of these.
        side: around all sides of the host and facing it, before its front facing it, or beside
            it facing where it faces.
        most: how many at most.
        gap: from and to so many metres apart.
    """

    names: tuple[str, ...]
    side: Literal["around", "front", "beside"]
    most: int
    gap: tuple[float, float]

    def poses(self, rng: np.random.Generator, host: Boxes, extent: Size) -> Poses:
        """Poses of some guests of an extent at one host, no two at the same place."""
        slots = rng.permutation(self._slots(2 * host.half[0], extent))
        side, along = slots[: rng.integers(1, self.most + 1)].T
        # Side 0 is the host's front (its -y), the others follow counter-clockwise.
        outwards = np.radians(90 * side - 90)
        normal = np.stack([np.cos(outwards), np.sin(outwards)], axis=1)
        sideways = np.stack([-normal[:, 1], normal[:, 0]], axis=1)
        to_side = host.half[0][1 - side.astype(int) % 2]
        to_guest = extent[0 if self.side == "beside" else 1] / 2
        off = to_side + to_guest + rng.uniform(*self.gap, len(side))
        middle = off[:, None] * normal + along[:, None] * sideways
        facing = np.zeros(len(side)) if self.side == "beside" else 180 + 90 * side
        host_turn = float(np.degrees(host.turn[0]))
        turn = host_turn + facing + rng.normal(0, 6, len(side))
        return Poses(host.middle[0] + middle @ turned(host_turn), turn, np.zeros(len(side)))

    def _slots(self, host: Array, extent: Size) -> Array:
        """(N, 2) sides of a host of an extent and offsets along them where guests fit."""
        if self.side == "beside":
            in_line = (host[1] - extent[1]) / 2  # their backs are
            return np.array([(1, in_line), (3, -in_line)])
        slots = []
        for side in range(4 if self.side == "around" else 1):
            length = host[side % 2]
            count = max(int(length / (extent[0] + 0.08)), int(length > 0.6 * extent[0]))
            slots += [(side, (k + 0.5) / count * length - length / 2) for k in range(count)]
        return np.array(slots).reshape(-1, 2)
