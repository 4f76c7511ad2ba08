"""Surface of a scene: neighbours of voxels, and the normal at each.

All arrays are in the order of the voxel keys, whatever the order of the scene's points. That
makes every later stage independent of the order of the points, and lets the neighbours be found
by merging sorted lists instead of by hashing: the five keys of a z column are consecutive
integers, so 25 cursors that only move forward visit the 5x5x5 surroundings of all voxels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seg3d_ros.kernels import kernel
from seg3d_ros.scene import Float64, Int64, Scene
from seg3d_ros.sparse.voxel_keys import key_step, keys_of_points

Int32 = npt.NDArray[np.int32]

REACH = 2  # voxels; neighbours are the (2 * REACH + 1)³ surroundings
_COLUMNS = np.array(
    [key_step(x, y, 0) for x in range(-REACH, REACH + 1) for y in range(-REACH, REACH + 1)],
    np.int64,
)
MIN_SUPPORT = 5  # voxels, itself included, below which a normal would be noise
MAX_CURVATURE = 0.2  # an edge has 0.08; a pole thinner than the 5 voxels more, and no normal
NO_SURFACE = 1.0 / 3.0  # curvature of a point without a surface: equal spread everywhere


class Surface(NamedTuple):
    """Voxels of a scene in key order, their neighbours and normals.

    A NamedTuple of arrays, so that compiled functions take it as it is; for the number of voxels
    ask its points, not itself.

    Attributes:
        order: (N,) row in the scene of each voxel here.
        points: (N, 3) float64, metres, relative to the lowest corner of the scene.
        starts: (N + 1,) the neighbours of voxel i are `neighbors[starts[i]:starts[i + 1]]`.
        neighbors: (E,) int32 rows, ascending for each voxel; without the voxel itself.
        normals: (N, 3) float64 unit vectors of unknown sign, zero where there is no surface.
        curvature: (N,) smallest eigenvalue over the sum of the three, in [0, 1/3].
        voxel_size: metres.
    """

    order: Int64
    points: Float64
    starts: Int64
    neighbors: Int32
    normals: Float64
    curvature: Float64
    voxel_size: float


def build_surface(scene: Scene) -> Surface:
    """Find neighbours and normals of every voxel (PCA of its 5x5x5 surroundings)."""
    keys = keys_of_points(scene.points, scene.voxel_size)
    order = np.argsort(keys)
    ordered = keys[order]
    if (ordered[1:] == ordered[:-1]).any():
        order = np.lexsort((scene.element_ids, keys))
    keys = keys[order]
    points = scene.points[order].astype(np.float64)
    points -= points.min(axis=0) if len(points) else 0.0  # small numbers keep moments exact
    starts = np.zeros(len(keys) + 1, np.int64)
    _count_neighbors(keys, starts)
    np.cumsum(starts, out=starts)
    neighbors = np.empty(starts[-1], np.int32)
    _list_neighbors(keys, starts, neighbors)
    normals, curvature = np.zeros_like(points), np.full(len(keys), NO_SURFACE)
    _find_normals(points, starts, neighbors, normals, curvature)
    return Surface(order, points, starts, neighbors, normals, curvature, scene.voxel_size)


@kernel(inline="always")
def square_distance(points, i, j):  # type: ignore[no-untyped-def]
    """Between rows i and j, square metres; spelled out because slices cost an allocation."""
    x = points[i, 0] - points[j, 0]
    y = points[i, 1] - points[j, 1]
    z = points[i, 2] - points[j, 2]
    return x * x + y * y + z * z


@kernel(inline="always")
def dot(a, i, b, j):  # type: ignore[no-untyped-def]
    """Product of row i of a with row j of b, both (…, 3)."""
    return a[i, 0] * b[j, 0] + a[i, 1] * b[j, 1] + a[i, 2] * b[j, 2]


@kernel
def _count_neighbors(keys, starts):  # type: ignore[no-untyped-def]
    first = np.zeros(_COLUMNS.size, np.int64)
    last = np.zeros(_COLUMNS.size, np.int64)
    for i in range(keys.size):
        count = -1  # the voxel itself
        for c in range(_COLUMNS.size):
            center = keys[i] + _COLUMNS[c]
            while first[c] < keys.size and keys[first[c]] < center - REACH:
                first[c] += 1
            while last[c] < keys.size and keys[last[c]] <= center + REACH:
                last[c] += 1
            count += last[c] - first[c]
        starts[i + 1] = count


@kernel
def _list_neighbors(keys, starts, neighbors):  # type: ignore[no-untyped-def]
    first = np.zeros(_COLUMNS.size, np.int64)
    for i in range(keys.size):
        free = starts[i]
        for c in range(_COLUMNS.size):
            center = keys[i] + _COLUMNS[c]
            while first[c] < keys.size and keys[first[c]] < center - REACH:
                first[c] += 1
            row = first[c]
            while row < keys.size and keys[row] <= center + REACH:
                if row != i:
                    neighbors[free] = row
                    free += 1
                row += 1


@kernel
def flattest_direction(xx, xy, xz, yy, yz, zz):  # type: ignore[no-untyped-def]
    """Eigenvector of the smallest eigenvalue of a symmetric 3x3 matrix, in closed form.

    Returns:
        (x, y, z, curvature): a unit vector and its eigenvalue over the trace; the zero vector
        when the direction is not defined (points on a line or all equal).
    """
    trace = xx + yy + zz
    if trace <= 0.0:
        return 0.0, 0.0, 0.0, NO_SURFACE
    xx, xy, xz, yy, yz, zz = xx / trace, xy / trace, xz / trace, yy / trace, yz / trace, zz / trace
    third = 1.0 / 3.0
    a, b, c = xx - third, yy - third, zz - third
    spread = (a * a + b * b + c * c + 2.0 * (xy * xy + xz * xz + yz * yz)) / 6.0
    if spread < 1e-12:
        return 0.0, 0.0, 0.0, NO_SURFACE
    radius = np.sqrt(spread)
    half_det = (
        0.5
        * (a * (b * c - yz * yz) - xy * (xy * c - yz * xz) + xz * (xy * yz - b * xz))
        / (spread * radius)
    )
    angle = np.arccos(min(1.0, max(-1.0, half_det))) / 3.0
    smallest = third + 2.0 * radius * np.cos(angle + 2.0943951023931953)
    a, b, c = xx - smallest, yy - smallest, zz - smallest
    # Any two independent rows of (A - λI) span the plane; their cross product is the normal.
    best, nx, ny, nz = 0.0, 0.0, 0.0, 0.0
    for pair in range(3):
        if pair == 0:
            x, y, z = xy * yz - xz * b, xz * xy - a * yz, a * b - xy * xy
        elif pair == 1:
            x, y, z = xy * c - xz * yz, xz * xz - a * c, a * yz - xy * xz
        else:
            x, y, z = b * c - yz * yz, yz * xz - xy * c, xy * yz - b * xz
        length = x * x + y * y + z * z
        if length > best:
            best, nx, ny, nz = length, x, y, z
    if best < 1e-16:
        return 0.0, 0.0, 0.0, NO_SURFACE
    scale = 1.0 / np.sqrt(best)
    return nx * scale, ny * scale, nz * scale, max(0.0, smallest)


@kernel
def _find_normals(points, starts, neighbors, normals, curvature):  # type: ignore[no-untyped-def]
    for i in range(len(points)):
        count = starts[i + 1] - starts[i] + 1
        if count < MIN_SUPPORT:
            continue
        x = y = z = xx = xy = xz = yy = yz = zz = 0.0
        for at in range(starts[i], starts[i + 1]):
            j = neighbors[at]
            dx = points[j, 0] - points[i, 0]
            dy = points[j, 1] - points[i, 1]
            dz = points[j, 2] - points[i, 2]
            x, y, z = x + dx, y + dy, z + dz
            xx, xy, xz = xx + dx * dx, xy + dx * dy, xz + dx * dz
            yy, yz, zz = yy + dy * dy, yz + dy * dz, zz + dz * dz
        x, y, z = x / count, y / count, z / count
        nx, ny, nz, flatness = flattest_direction(
            xx / count - x * x,
            xy / count - x * y,
            xz / count - x * z,
            yy / count - y * y,
            yz / count - y * z,
            zz / count - z * z,
        )
        curvature[i] = flatness
        if flatness < MAX_CURVATURE:
            normals[i, 0], normals[i, 1], normals[i, 2] = nx, ny, nz
