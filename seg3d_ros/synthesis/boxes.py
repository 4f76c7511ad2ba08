"""Upright boxes turned about z, and whether they overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Boxes:
    """N boxes, metres.

    Attributes:
        middle: (N, 2) x and y.
        half: (N, 2) half the extents along the box's own x and y.
        turn: (N,) counter-clockwise turn about z, radians.
        low, high: (N,) heights of bottom and top.
    """

    middle: Array
    half: Array
    turn: Array
    low: Array
    high: Array

    @classmethod
    def of_one_size(
        cls, middle: Array, turn: Array, low: Array, *, size: tuple[float, float, float]
    ) -> Boxes:
        """Boxes of equal extents (x, y, z) at (N, 2) places, (N,) turns and heights."""
        half = np.broadcast_to(np.array(size[:2]) / 2, (len(middle), 2))
        return cls(middle, half, turn, low, low + size[2])

    @classmethod
    def none(cls) -> Boxes:
        """No box at all."""
        return cls(np.empty((0, 2)), np.empty((0, 2)), *np.empty((3, 0)))

    def __len__(self) -> int:
        return len(self.middle)

    def __getitem__(self, index: slice | list[int] | NDArray[np.bool_]) -> Boxes:
        return Boxes(
            self.middle[index],
            self.half[index],
            self.turn[index],
            self.low[index],
            self.high[index],
        )

    def and_also(self, other: Boxes) -> Boxes:
        """These boxes, then the others."""
        return Boxes(
            np.concatenate([self.middle, other.middle]),
            np.concatenate([self.half, other.half]),
            np.concatenate([self.turn, other.turn]),
            np.concatenate([self.low, other.low]),
            np.concatenate([self.high, other.high]),
        )

    def axes(self) -> Array:
        """(N, 2, 2) unit vectors of each box's own x and y."""
        cosine, sine = np.cos(self.turn), np.sin(self.turn)
        return np.stack([np.stack([cosine, sine], -1), np.stack([-sine, cosine], -1)], 1)

    def reach(self) -> Array:
        """(N, 2) half the extents along the world's x and y."""
        return np.asarray((np.abs(self.axes()) * self.half[:, :, None]).sum(axis=1))

    def overlap(self, other: Boxes, *, gap: float = 0.0) -> NDArray[np.bool_]:
        """(N, M) True where boxes are closer than `gap` (horizontally) or overlap.

        Rectangles are apart if the axis of a side of one of them separates their projections
        (Gottschalk et al., OBBTree, SIGGRAPH 1996).
        """
        own, others = self.axes(), other.axes()
        between = other.middle[None] - self.middle[:, None]  # (N, M, 2)
        cosines = np.einsum("nik,mjk->nmij", own, others)  # of the angles between the axes
        along_own = np.abs(np.einsum("nmk,nik->nmi", between, own))
        along_others = np.abs(np.einsum("nmk,mjk->nmj", between, others))
        reach_own = self.half[:, None] + np.einsum("nmij,mj->nmi", np.abs(cosines), other.half)
        reach_others = other.half[None] + np.einsum("nmij,ni->nmj", np.abs(cosines), self.half)
        apart = (along_own >= reach_own + gap).any(-1) | (along_others >= reach_others + gap).any(
            -1
        )
        above = self.low[:, None] >= other.high[None]
        below = self.high[:, None] <= other.low[None]
        return np.asarray(~(apart | above | below))
