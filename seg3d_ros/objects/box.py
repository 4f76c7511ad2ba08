"""Upright boxes: yaw from the smallest rectangle around the footprint, height from z.

The smallest enclosing rectangle has a side on an edge of the convex hull (Freeman and Shapira,
"Determining the minimum-area encasing rectangle for an arbitrary closed curve", 1975), so each
hull edge is tried. The hull is Andrew's monotone chain, which needs points in order of (x, y)
and has no degenerate cases.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from seg3d_ros.kernels import kernel
from seg3d_ros.scene import Float32, Float64, MapGrid

_TIE = 1e-6  # relative; rectangles closer than this count as equal


@dataclass(frozen=True, eq=False)
class Box:
    """An upright box in the map frame.

    Attributes:
        center: (3,) float64, metres.
        size: (3,) float64, full extent along the box's own x, y, z, metres; size x >= size y.
        yaw: rotation about +z, radians in [-pi/2, pi/2).
    """

    center: Float64
    size: Float64
    yaw: float

    def distance(self, point: Float64) -> float:
        """Metres from a (3,) point to the box; 0 inside it."""
        return float(self.distances(np.asarray(point, np.float64)[None])[0])

    def distances(self, points: Float64) -> Float64:
        """Metres (N,) from (N, 3) points to the box; 0 inside it."""
        outside = np.abs(self.local(points)) - self.size / 2
        return np.linalg.norm(np.maximum(outside, 0.0), axis=1)

    def local(self, points: Float64) -> Float64:
        """Points (N, 3) relative to the center, along the box's own axes, metres."""
        dx, dy, dz = (points - self.center).T
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        return np.stack([cos * dx + sin * dy, cos * dy - sin * dx, dz], axis=1)


def upright_box(points: Float32 | Float64, *, margin: float = 0.0) -> Box:
    """Smallest upright box around (N, 3) points.

    Args:
        points: metres, at least one.
        margin: added to each extent, metres; half of it on either side.

    Raises:
        ValueError: there are no points, or one is not finite.
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or points.shape[1] != 3 or not len(points):
        raise ValueError(f"points have shape {points.shape}, expected (N, 3) with N >= 1")
    if not np.isfinite(points).all():
        raise ValueError("points hold NaN or infinity; remove them before fitting a box")
    order = np.lexsort((points[:, 1], points[:, 0]))
    low, high = points[:, 2].min(), points[:, 2].max()
    return _box(points[order, 0], points[order, 1], low, high, margin)


def voxel_box(points: Float32, grid: MapGrid) -> tuple[Box, Float64]:
    """Upright box around the voxels that points fall into.

    It stays the same while the points move within their voxels.

    Args:
        points: (N, 3) float32, local coordinates of the grid, metres; N >= 1.
        grid: edge of the voxels, and where local coordinates begin.

    Returns:
        The box, and the mean (3,) of the voxels' centers, both in the map frame.
    """
    voxel_size = grid.voxel_size
    x, y, low, high, mean = _footprint(np.ascontiguousarray(points), voxel_size)
    half = voxel_size / 2
    box = _box(
        x * voxel_size + half,
        y * voxel_size + half,
        low * voxel_size,
        high * voxel_size,
        voxel_size,
    )
    box.center[2] += half
    box.center[:] += grid.origin
    return box, grid.map_from_local((np.array(mean) + 0.5) * voxel_size)


@kernel
def _footprint(points, voxel_size):  # type: ignore[no-untyped-def]
    """Voxels that can be corners of the footprint, lowest and highest z, mean; all in voxels.

    Among voxels of equal x only the first and the last y count.
    """
    size = np.float64(voxel_size)
    left, right = np.inf, -np.inf
    for i in range(len(points)):
        left, right = min(left, points[i, 0]), max(right, points[i, 0])
    first_x = np.floor(left / size)
    columns = int(np.floor(right / size) - first_x) + 1
    lowest, highest = np.full(columns, np.inf), np.full(columns, -np.inf)
    low, high = np.inf, -np.inf
    mean_x = mean_y = mean_z = 0.0
    for i in range(len(points)):
        voxel_x = np.floor(points[i, 0] / size)
        voxel_y = np.floor(points[i, 1] / size)
        voxel_z = np.floor(points[i, 2] / size)
        column = int(voxel_x - first_x)
        lowest[column] = min(lowest[column], voxel_y)
        highest[column] = max(highest[column], voxel_y)
        low, high = min(low, voxel_z), max(high, voxel_z)
        mean_x, mean_y, mean_z = mean_x + voxel_x, mean_y + voxel_y, mean_z + voxel_z
    x, y = np.empty(2 * columns), np.empty(2 * columns)
    count = 0
    for column in range(columns):
        if lowest[column] < np.inf:
            x[count] = x[count + 1] = first_x + column
            y[count], y[count + 1] = lowest[column], highest[column]
            count += 2
    mean = mean_x / len(points), mean_y / len(points), mean_z / len(points)
    return x[:count], y[:count], low, high, mean


def _box(x: Float64, y: Float64, low: float, high: float, margin: float) -> Box:
    # Relative to the first point: 20 km from the origin the products of the hull lose digits.
    center_x, center_y, length, width, yaw = _smallest_rectangle(x - x[0], y - y[0])
    if width > length * (1 + _TIE):
        length, width = width, length
        yaw = yaw - math.pi / 2 if yaw >= 0 else yaw + math.pi / 2
    return Box(
        center=np.array([x[0] + center_x, y[0] + center_y, (low + high) / 2]),
        size=np.array([length + margin, width + margin, high - low + margin]),
        yaw=yaw,
    )


@kernel
def _half_hull(x, y, order, hull):  # type: ignore[no-untyped-def]
    """Walk the points in `order`, keep left turns only; return how many stay in `hull`."""
    count = 0
    for i in order:
        while count >= 2:
            a, b = hull[count - 2], hull[count - 1]
            if (x[b] - x[a]) * (y[i] - y[a]) - (y[b] - y[a]) * (x[i] - x[a]) > 0:
                break
            count -= 1
        hull[count] = i
        count += 1
    return count


@kernel
def _smallest_rectangle(x, y):  # type: ignore[no-untyped-def]
    """Center x, y, extents and yaw in [-pi/4, pi/4) around points in order of (x, y)."""
    hull = np.empty(2 * x.size, np.int64)
    lower = _half_hull(x, y, np.arange(x.size), hull)
    upper = _half_hull(x, y, np.arange(x.size - 1, -1, -1), hull[lower - 1 :])
    hull = hull[: lower - 1 + upper]  # closed: first corner = last corner

    best_area, best_yaw = np.inf, 0.0
    best = (0.0, 0.0, 0.0, 0.0)
    quarter = np.pi / 2
    for edge in range(hull.size):
        # The last round tries yaw 0, the answer for a single point.
        a, b = hull[edge], hull[(edge + 1) % hull.size]
        angle = np.arctan2(y[b] - y[a], x[b] - x[a])
        yaw = (angle + quarter / 2) % quarter - quarter / 2
        cos, sin = np.cos(yaw), np.sin(yaw)
        left, right, bottom, top = np.inf, -np.inf, np.inf, -np.inf
        for i in hull:
            along, across = cos * x[i] + sin * y[i], cos * y[i] - sin * x[i]
            left, right = min(left, along), max(right, along)
            bottom, top = min(bottom, across), max(top, across)
        area = (right - left) * (top - bottom)
        tie = abs(area - best_area) <= _TIE * area
        if (tie and abs(yaw) < abs(best_yaw)) or (not tie and area < best_area):
            best_area, best_yaw = area, yaw
            best = (left, right, bottom, top)

    cos, sin = np.cos(best_yaw), np.sin(best_yaw)
    along, across = (best[0] + best[1]) / 2, (best[2] + best[3]) / 2
    return (
        cos * along - sin * across,
        sin * along + cos * across,
        best[1] - best[0],
        best[3] - best[2],
        best_yaw,
    )
