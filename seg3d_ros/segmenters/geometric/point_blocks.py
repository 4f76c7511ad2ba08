"""Points sorted into cubes, so that what is near a plane is found without asking every point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.scene import Float64, Int64


@dataclass(frozen=True, eq=False)
class PointBlocks:
    """Rows of points, cube by cube.

    Attributes:
        order: (N,) rows of the points, those of a cube one after the other.
        starts: (B + 1,) where each cube begins in `order`.
        centers: (B, 3) centers of the cubes.
        edge: length of their edges, in the unit of the points.
    """

    order: Int64
    starts: Int64
    centers: Float64
    edge: float

    @classmethod
    def of(cls, points: Float64, edge: float, labels: Int64 | None = None) -> PointBlocks:
        """Sort (N, 3) points; those of two labels, (N,) int, share no cube."""
        cells = np.floor(points / edge).astype(np.int64)
        low = cells.min(axis=0, initial=0)
        extent = cells.max(axis=0, initial=0) - low + 1
        code = ((cells - low) @ (extent[1] * extent[2], extent[2], 1)).astype(np.int64)
        groups = code if labels is None else labels
        order = np.argsort(code, kind="stable") if labels is None else np.lexsort((code, labels))
        code, groups = code[order], groups[order]
        first = np.ones(len(code), np.bool_)
        first[1:] = (np.diff(code) != 0) | (np.diff(groups) != 0)
        starts = np.flatnonzero(first)
        centers = np.asarray((cells[order[starts]] + 0.5) * edge, np.float64)
        return cls(order, np.append(starts, len(points)), centers, edge)

    def near_plane(
        self,
        normal: Float64,
        offset: float,
        reach: float,
        box: tuple[Float64, Float64] | None = None,
    ) -> Int64:
        """Rows of all points near a plane, and of some farther ones.

        Args:
            normal: (3,) unit vector of the plane n·x = d.
            offset: d.
            reach: distance from the plane within which no point is missed.
            box: lower and upper corner, (3,) each, within which none is missed; None: everywhere.
        """
        slack = 0.501 * self.edge * np.abs(normal).sum()
        chosen = np.abs(self.centers @ normal - offset) <= reach + slack
        if box is not None:
            low, high = box
            chosen &= np.all(self.centers >= low - 0.501 * self.edge, axis=1)
            chosen &= np.all(self.centers <= high + 0.501 * self.edge, axis=1)
        blocks = np.flatnonzero(chosen)
        counts = self.starts[blocks + 1] - self.starts[blocks]
        ends = np.cumsum(counts)
        first = np.repeat(self.starts[blocks] - ends + counts, counts)
        return self.order[first + np.arange(len(first))]


def rows_by_label(labels: npt.NDArray[np.integer[Any]], count: int) -> list[Int64]:
    """Rows of each label 0..count - 1, ascending; negative labels belong to none."""
    rows = np.flatnonzero(labels >= 0)
    order = rows[np.argsort(labels[rows], kind="stable")]
    ends = np.cumsum(np.bincount(labels[rows], minlength=count))
    return np.split(order, ends[:-1]) if count else []
