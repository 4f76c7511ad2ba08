"""Fronts of planes: the side on which things stand."""

from __future__ import annotations

import numpy as np

from seg3d_ros.distinct import distinct
from seg3d_ros.scene import Float64, Int64
from seg3d_ros.segmenters.geometric.planes import Planes
from seg3d_ros.segmenters.geometric.point_blocks import PointBlocks, rows_by_label
from seg3d_ros.segmenters.geometric.surface import Surface
from seg3d_ros.sparse.hash_index import build_index, find_rows

BEFORE_PLANE_M = 0.5  # things this near to a plane decide which side is its front
FOOTPRINT_CELL = 3.0  # voxels
FRONT_VOXELS = 50  # fewer voxels over a plane give its front less weight
PARALLEL = 0.95  # cosine of the angle between two planes
_BLOCK = 12.0  # voxels


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
    own = surface.points[members]
    margin = BEFORE_PLANE_M + 4.0 * cell  # no point over the plane lies farther from its own
    box = (own.min(axis=0) - margin, own.max(axis=0) + margin)
    rows = blocks.near_plane(normal, offset, BEFORE_PLANE_M, box)
    # Sheets of one wall, torn apart by the depth steps of a far sensor, are no things before it.
    parallel = np.append(np.abs(planes.normals @ normal) > PARALLEL, False)
    rows = rows[~parallel[planes.plane_of[rows]]]
    points = surface.points[rows]
    height = points @ normal - offset
    near = (np.abs(height) < BEFORE_PLANE_M) & (np.abs(height) > surface.voxel_size)
    points, height = points[near], height[near]
    inner = distinct(_footprint(own, own @ normal - offset, normal, cell))
    for _ in range(2):  # noise may carry the rim over the border of a cell
        covered = build_index(inner)
        for step in (1, -1, 1 << 31, -(1 << 31)):
            inner = inner[find_rows(covered, inner + step) >= 0]
    over = height[find_rows(build_index(inner), _footprint(points, height, normal, cell)) >= 0]
    return float(np.sign(over).sum() / max(len(over), FRONT_VOXELS))


def _footprint(points: Float64, height: Float64, normal: Float64, cell: float) -> Int64:
    """Cells of the plane below (N, 3) points, as one number each that is not negative."""
    axis = int(np.argmax(np.abs(normal)))
    foot = points - height[:, None] * normal
    cells = np.floor(np.delete(foot, axis, axis=1) / cell)
    return (cells.astype(np.int64) + (1 << 30)) @ (1 << 31, 1)
