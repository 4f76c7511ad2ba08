"""Fronts of planes: the side on which things stand."""

from __future__ import annotations

import numpy as np

from seg3d_ros.distinct import distinct
from seg3d_ros.kernels import kernel
from seg3d_ros.masks import rows_by_label
from seg3d_ros.scene import Float64, Int64
from seg3d_ros.segmenters.geometric.planes import Planes
from seg3d_ros.segmenters.geometric.point_blocks import PointBlocks
from seg3d_ros.segmenters.geometric.surface import Surface
from seg3d_ros.sparse.hash_index import build_index, find_rows

BEFORE_PLANE_M = 0.5  # things this near to a plane decide which side is its front
FOOTPRINT_CELL = 3.0  # voxels
FRONT_VOXELS = 50  # fewer voxels over a plane give its front less weight
PARALLEL = 0.95  # cosine of the angle between two planes
_BLOCK = 12.0  # voxels
_ZERO = 1 << 30  # number of the cell at zero, so that none is negative


def plane_fronts(surface: Surface, planes: Planes) -> Float64:
    """(P,) in [-1, 1]: on which side of each plane, along its normal, more voxels lie.

    Only what lies over the plane's inner area counts: at its rim, the sides of a cabinet lie
    behind its front just as the floor lies before a wall.
    """
    blocks = PointBlocks.of(surface.points, _BLOCK * surface.voxel_size)
    members = rows_by_label(planes.plane_of, len(planes))
    return np.array(
        [_front(surface, planes, p, members[p], blocks) for p in range(len(planes))], np.float64
    )


def _front(surface: Surface, planes: Planes, p: int, members: Int64, blocks: PointBlocks) -> float:
    if not len(members):
        return 0.0
    normal, offset = planes.normals[p], float(planes.offsets[p])
    cell = FOOTPRINT_CELL * surface.voxel_size
    axes = np.delete(np.arange(3), np.argmax(np.abs(normal)))
    plane = (normal, offset, axes, cell)
    inner = distinct(_footprint(surface.points, members, *plane))
    for _ in range(2):  # noise may carry the rim over the border of a cell
        covered = build_index(inner)
        for step in (1, -1, 1 << 31, -(1 << 31)):
            inner = inner[find_rows(covered, inner + step) >= 0]
    if not len(inner):
        return 0.0
    low, high = np.full(3, -np.inf), np.full(3, np.inf)
    for axis, cells in zip(axes, (inner >> 31, inner & 0x7FFFFFFF), strict=True):
        low[axis] = (cells.min() - _ZERO) * cell - BEFORE_PLANE_M
        high[axis] = (cells.max() + 1 - _ZERO) * cell + BEFORE_PLANE_M
    rows, height = blocks.near_plane(normal, offset, BEFORE_PLANE_M, (low, high))
    # Sheets of one wall, torn apart by the depth steps of a far sensor, are no things before it.
    parallel = np.append(np.abs(planes.normals @ normal) > PARALLEL, False)
    beside = ~parallel[planes.plane_of[rows]] & (np.abs(height) > surface.voxel_size)
    feet = _footprint(surface.points, rows[beside], *plane)
    over = height[beside][find_rows(build_index(inner), feet) >= 0]
    return float(np.sign(over).sum() / max(len(over), FRONT_VOXELS))


@kernel
def _footprint(points, rows, normal, offset, axes, cell):  # type: ignore[no-untyped-def]
    """Cells of the plane below some points, as one number each that is not negative."""
    a, b = axes[0], axes[1]
    codes = np.empty(rows.size, np.int64)
    for k in range(rows.size):
        i = rows[k]
        height = (
            normal[0] * points[i, 0] + normal[1] * points[i, 1] + normal[2] * points[i, 2] - offset
        )
        first = np.int64(np.floor((points[i, a] - height * normal[a]) / cell)) + _ZERO
        second = np.int64(np.floor((points[i, b] - height * normal[b]) / cell)) + _ZERO
        codes[k] = (first << 31) + second
    return codes
