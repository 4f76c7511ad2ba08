"""Points sorted into cubes, so that what is near a plane is found without asking every point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seg3d_ros.kernels import kernel
from seg3d_ros.scene import Float64, Int64
from seg3d_ros.sparse.voxel_keys import keys_of_points

_EVERYWHERE = (np.full(3, -np.inf), np.full(3, np.inf))


@dataclass(frozen=True, eq=False)
class PointBlocks:
    """Rows of points, cube by cube.

    Attributes:
        order: (N,) rows of the points, those of a cube one after the other.
        points: (N, 3) the points in this order.
        starts: (B + 1,) where each cube begins in `order`.
        centers: (B, 3) centers of the cubes.
        edge: length of their edges, in the unit of the points.
    """

    order: Int64
    points: Float64
    starts: Int64
    centers: Float64
    edge: float

    @classmethod
    def of(cls, points: Float64, edge: float, labels: Int64 | None = None) -> PointBlocks:
        """Sort (N, 3) points; those of two labels, (N,) int, share no cube."""
        keys = keys_of_points(points, edge)
        groups = keys if labels is None else labels
        order = np.argsort(keys, kind="stable") if labels is None else np.lexsort((keys, labels))
        keys, groups = keys[order], groups[order]
        first = np.ones(len(keys), np.bool_)
        first[1:] = (keys[1:] != keys[:-1]) | (groups[1:] != groups[:-1])
        starts = np.flatnonzero(first)
        points = points[order]
        centers = (np.floor(points[starts] / edge) + 0.5) * edge
        return cls(order, points, np.append(starts, len(points)), centers, edge)

    def near_plane(
        self,
        normal: Float64,
        offset: float,
        reach: float,
        box: tuple[Float64, Float64] = _EVERYWHERE,
    ) -> tuple[Int64, Float64]:
        """Rows of all points near a plane, and their heights along its normal.

        Args:
            normal: (3,) unit vector of the plane n·x = d.
            offset: d.
            reach: largest distance from the plane.
            box: lower and upper corner, (3,) each, within which none is missed.
        """
        half = 0.501 * self.edge
        corners = np.stack([box[0] - half, box[1] + half])
        slack = float(half * np.abs(normal).sum())
        found, heights = _near_plane(
            *(self.points, self.starts, self.centers, corners),
            *(normal, float(offset), float(reach), slack),
        )
        return self.order[found], heights


@kernel
def _near_plane(points, starts, centers, corners, normal, offset, reach, slack):  # type: ignore[no-untyped-def]
    """Points within `reach` of a plane in blocks whose center is within `corners`; heights."""
    nx, ny, nz = normal[0], normal[1], normal[2]
    chosen = np.zeros(len(centers), np.bool_)
    most = 0
    for block in range(len(centers)):
        x, y, z = centers[block, 0], centers[block, 1], centers[block, 2]
        chosen[block] = (
            abs(nx * x + ny * y + nz * z - offset) <= reach + slack
            and corners[0, 0] <= x <= corners[1, 0]
            and corners[0, 1] <= y <= corners[1, 1]
            and corners[0, 2] <= z <= corners[1, 2]
        )
        if chosen[block]:
            most += starts[block + 1] - starts[block]
    rows, heights = np.empty(most, np.int64), np.empty(most, np.float64)
    count = 0
    for block in range(len(centers)):
        if not chosen[block]:
            continue
        for i in range(starts[block], starts[block + 1]):
            height = nx * points[i, 0] + ny * points[i, 1] + nz * points[i, 2] - offset
            if abs(height) <= reach:
                rows[count], heights[count] = i, height
                count += 1
    return rows[:count], heights[:count]
