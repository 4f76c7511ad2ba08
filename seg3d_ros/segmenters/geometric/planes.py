"""Dominant planes of a scene: connected flat supports of some area."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seg3d_ros.distinct import distinct
from seg3d_ros.kernels import kernel
from seg3d_ros.masks import rows_by_label
from seg3d_ros.scene import Bool, Float64, Int64
from seg3d_ros.segmenters.geometric.surface import Int32, Surface, dot, flattest_direction

SEED_CURVATURE = 0.08  # rougher voxels belong to planes but start none
_TAKEN = np.iinfo(np.int32).max
FIRST_FIT = 24  # voxels after which the seed's normal gives way to a fit; doubles after each fit


@dataclass(frozen=True, eq=False)
class Planes:
    """Planes n·x = d, largest first.

    Attributes:
        normals: (P, 3) float64 unit vectors.
        offsets: (P,) float64, metres, in the frame of `Surface.points`.
        areas: (P,) float64, square metres of surface covered by voxels.
        plane_of: (N,) int32 plane of each voxel of the surface, -1 where it is on none.
    """

    normals: Float64
    offsets: Float64
    areas: Float64
    plane_of: Int32

    def __len__(self) -> int:
        return len(self.offsets)


def find_planes(
    surface: Surface, *, min_area: float, thickness: float, max_angle: float
) -> Planes:
    """Grow planes from the flattest voxels outwards, refitting them as they grow.

    Args:
        surface: voxels with neighbours and normals.
        min_area: square metres; smaller flat pieces are parts of objects.
        thickness: metres a voxel may lie off its plane.
        max_angle: radians between the normal of a voxel and that of its plane.
    """
    plane_of = np.full(len(surface.points), -1, np.int32)
    seeds = _flattest_first(surface.curvature)
    min_count = max(FIRST_FIT, int(0.5 * min_area / surface.voxel_size**2))
    limits = (thickness, float(np.cos(max_angle)))
    found = _grow_planes(surface, seeds, plane_of, limits, min_count)
    areas = np.array(
        [
            covered_area(surface, rows, found[p, :3])
            for p, rows in enumerate(rows_by_label(plane_of, len(found)))
        ]
    )
    kept = [p for p in np.argsort(-areas, kind="stable") if areas[p] >= min_area]
    new_label = np.full(len(found) + 1, -1, np.int32)  # the last entry is for "no plane"
    new_label[kept] = np.arange(len(kept))
    found = found[kept]
    return Planes(found[:, :3], found[:, 3], areas[kept], new_label[plane_of])


def _flattest_first(curvature: Float64) -> Int64:
    """Voxels that may start a plane, by curvature in float32 and, where it is equal, by row.

    Both in one number: sorting those is five times as fast as a stable argsort.
    """
    rows = np.flatnonzero(curvature < SEED_CURVATURE)
    bits = curvature[rows].astype(np.float32).view(np.int32)  # of positive numbers, ascending
    return np.sort((bits.astype(np.int64) << 32) + rows) & 0xFFFFFFFF


def covered_area(surface: Surface, members: Bool | Int32 | Int64, normal: Float64) -> float:
    """Area that voxels of a plane cover, square metres; double layers count once."""
    axis = int(np.argmax(np.abs(normal)))
    first, second = (
        np.floor(surface.points[members, a] / surface.voxel_size).astype(np.int64)
        for a in range(3)
        if a != axis
    )
    covered = distinct((first << 31) + second)
    return float(len(covered) * surface.voxel_size**2 / abs(normal[axis]))


@kernel
def _grow_planes(surface, seeds, plane_of, limits, min_count):  # type: ignore[no-untyped-def]
    """Label `plane_of`; returns (P, 4) rows of normal and offset."""
    voxels = len(surface.points)
    planes = np.empty((voxels // min_count + 1, 4))
    count = 0
    spent = np.zeros(voxels, np.bool_)  # seeds whose plane stayed too small
    visited = np.zeros(voxels, np.int32)
    visit = 0
    members = np.empty(voxels, np.int32)
    plane = np.empty(4)
    for seed in seeds:
        if spent[seed] or plane_of[seed] >= 0:
            continue
        for axis in range(3):  # slices of arrays take seconds to compile
            plane[axis] = surface.normals[seed, axis]
        plane[3] = dot(surface.normals, seed, surface.points, seed)
        members[0] = seed
        visit += 1
        size = _grow(surface, plane, limits, visited, visit, members)
        if size >= min_count:  # again, with the plane that fits all of them
            visit += 1
            size = _grow(surface, plane, limits, visited, visit, members)
        for k in range(size):
            spent[members[k]] = True
        if size >= min_count:
            for k in range(size):
                plane_of[members[k]] = count
                visited[members[k]] = _TAKEN
            for i in range(4):
                planes[count, i] = plane[i]
            count += 1
    return planes[:count].copy()


@kernel
def _grow(surface, plane, limits, visited, visit, members):  # type: ignore[no-untyped-def]
    """Collect `members` of a plane breadth first from members[0]; refits `plane` in place.

    Returns:
        The number of members. What was visited in this call, or belongs to a plane, has
        visited[i] >= visit; visits are numbered upwards.
    """
    thickness, cosine = limits
    sums = np.zeros(9)
    visited[members[0]] = visit
    size, done, next_fit = 1, 0, FIRST_FIT
    while done < size:
        i = members[done]
        done += 1
        _add_moments(sums, surface.points, i)
        if done == next_fit:
            _fit(sums, done, plane)
            next_fit *= 2
        for at in range(surface.starts[i], surface.starts[i + 1]):
            j = surface.neighbors[at]
            if visited[j] >= visit:
                continue
            if _fits(surface, j, plane, thickness, cosine):
                visited[j] = visit
                members[size] = j
                size += 1
    if size >= FIRST_FIT:
        _fit(sums, np.int64(size), plane)  # as it is, it would be compiled for the first size, too
    return size


@kernel(inline="always")
def _fits(surface, i, plane, thickness, cosine):  # type: ignore[no-untyped-def]
    x, y, z = plane[0], plane[1], plane[2]
    point, normal = surface.points, surface.normals
    off = x * point[i, 0] + y * point[i, 1] + z * point[i, 2] - plane[3]
    turn = x * normal[i, 0] + y * normal[i, 1] + z * normal[i, 2]
    return abs(off) <= thickness and abs(turn) >= cosine


@kernel(inline="always")
def _add_moments(sums, points, i):  # type: ignore[no-untyped-def]
    x, y, z = points[i, 0], points[i, 1], points[i, 2]
    sums[0] += x
    sums[1] += y
    sums[2] += z
    sums[3] += x * x
    sums[4] += x * y
    sums[5] += x * z
    sums[6] += y * y
    sums[7] += y * z
    sums[8] += z * z


@kernel
def _fit(sums, count, plane):  # type: ignore[no-untyped-def]
    """Least-squares plane through the points behind the moments."""
    x, y, z = sums[0] / count, sums[1] / count, sums[2] / count
    nx, ny, nz, _ = flattest_direction(
        sums[3] / count - x * x, sums[4] / count - x * y, sums[5] / count - x * z,
        sums[6] / count - y * y, sums[7] / count - y * z, sums[8] / count - z * z,
    )  # fmt: skip
    if nx != 0.0 or ny != 0.0 or nz != 0.0:
        plane[0], plane[1], plane[2] = nx, ny, nz
        plane[3] = nx * x + ny * y + nz * z
