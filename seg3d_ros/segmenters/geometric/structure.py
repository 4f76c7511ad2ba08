"""Floor, walls and ceiling: a network's output by voxel, made consistent by plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seg3d_ros.networks.kinds import FLOOR, OBJECT, WALL
from seg3d_ros.scene import Bool, Float32, Float64, Int64
from seg3d_ros.segmenters.geometric.planes import Planes, find_planes
from seg3d_ros.segmenters.geometric.surface import Int32, Surface

_PLANE_AREA_M2 = 0.6
_THICKNESS = 1.5  # voxels
_MAX_ANGLE = np.radians(30.0)
_LEVEL = 0.95  # |z| of the normal of a level plane
_STEEP = 0.5  # |z| of the normal of a plane from which on it cannot be a wall
_AGREED = 0.5  # mean probability from which on a whole plane is structure
_SURE = 0.9  # probability of an object from which on a voxel on such a plane stays one
_FLOOR_AREA_M2 = 2.0  # a level plane as large as this at the bottom of a scene is its floor ...
_FLOOR_RISE_M = 0.15  # ... if it lies no higher above the lowest voxels
_NEAR_WALL_M = 0.15
_OUTERMOST = 0.15  # more likely to be a wall, where nothing is behind a plane ...
_BEHIND_M = 0.15
_HARDLY_ANY = 0.01  # ... or no larger share of the voxels
_PARALLEL = 0.8  # cosine between the normals of a wall and of another sheet of it
_COPLANAR = 0.97  # cosine between the normals of two planes of one wall ...
_COPLANAR_M = 0.1  # ... and the distance of the middle of one from the other
_SHEET_STEPS = 4  # rounds in which a sheet grows from a wall
_LOWEST_SHARE = 0.01  # of the voxels, which may be noise


@dataclass(frozen=True, eq=False)
class Structure:
    """Structure of a scene of N voxels.

    Attributes:
        kind: (N,) int64, OBJECT, FLOOR, WALL or CEILING.
        plane: (N,) int64 plane of each voxel of a wall, -1 of the rest.
    """

    kind: Int64
    plane: Int64

    def parts(self) -> Int64:
        """Number (N,) of the floor, the ceiling or the wall of each voxel, -1 of objects."""
        walls = np.where(self.kind == WALL, self.plane, -1)
        numbers = self.kind * (walls.max(initial=-1) + 2) + walls + 1
        return np.where(self.kind == OBJECT, -1, numbers)

    def masks(self) -> tuple[Bool, Int64]:
        """Masks (S, N) of floor, ceiling and each wall, and the kind of each (S,)."""
        parts = self.parts()
        masks = parts == np.unique(parts[parts >= 0])[:, None]
        return masks, np.array([self.kind[mask][0] for mask in masks], np.int64)


def agree_on_structure(surface: Surface, probabilities: Float32) -> Structure:
    """Give the voxels of each large plane the kind that most of them seem to have.

    Args:
        surface: of a scene of N voxels, in whose order the result is.
        probabilities: (N, 4) of OBJECT, FLOOR, WALL, CEILING, in the order of the scene.
    """
    kind, plane = np.full((2, len(surface.order)), -1, np.int64)
    if len(kind):
        kind[surface.order], plane[surface.order] = _agree(surface, probabilities[surface.order])
    return Structure(kind, plane)


def _agree(surface: Surface, probabilities: Float32) -> tuple[Int64, Int64]:
    """Kind of each voxel, and the plane of those of walls, in the order of the surface."""
    planes = find_planes(
        surface,
        min_area=_PLANE_AREA_M2,
        thickness=_THICKNESS * surface.voxel_size,
        max_angle=_MAX_ANGLE,
    )
    plane = planes.plane_of
    kind = probabilities.argmax(axis=1)
    at_bottom, outermost = _is_at_bottom(surface, planes), _is_outermost(surface, planes)
    means = _mean_probabilities(surface, planes, probabilities)
    for number, (normal, mean) in enumerate(zip(planes.normals, means, strict=True)):
        rows = np.flatnonzero(plane == number)
        mean[WALL if abs(normal[2]) > _STEEP else FLOOR] = 0
        mean[WALL] += _OUTERMOST * outermost[number]
        agreed = FLOOR if at_bottom[number] else int(mean.argmax())
        if agreed == OBJECT and mean[OBJECT] >= _AGREED:
            kind[rows] = OBJECT
        elif at_bottom[number] or mean[agreed] >= _AGREED:
            # Where all of a plane seems to be an object, single voxels tell nothing.
            sure = _SURE if mean[OBJECT] < _AGREED else np.inf
            kind[rows[probabilities[rows, OBJECT] < sure]] = agreed
    kind[(plane < 0) & (surface.points[:, 2] < _top_of_floor(surface, plane, at_bottom))] = FLOOR
    walls = _walls(kind, surface.points, planes)
    _add_sheets(surface, planes, walls)
    return np.where(walls >= 0, WALL, kind), walls


def _mean_probabilities(surface: Surface, planes: Planes, probabilities: Float32) -> Float64:
    """(P, 4) mean probabilities of the voxels of each plane.

    Doors, windows and what stands before a wall part it into several planes, some of which are
    hard to tell by themselves: steep ones that lie in one plane have the same mean.
    """
    on_plane = planes.plane_of >= 0
    own, count = planes.plane_of[on_plane], len(planes)
    values = np.concatenate([surface.points, probabilities], axis=1)[on_plane]
    sums = np.stack([np.bincount(own, column, minlength=count) for column in values.T], axis=1)
    sizes = np.bincount(own, minlength=count)
    middles = sums[:, :3] / np.maximum(sizes, 1)[:, None]
    distances = np.abs(middles @ planes.normals.T - planes.offsets)
    steep = np.abs(planes.normals[:, 2]) <= _STEEP
    together = np.abs(planes.normals @ planes.normals.T) > _COPLANAR
    together &= np.minimum(distances, distances.T) < _COPLANAR_M
    together = (together & steep & steep[:, None]) | np.eye(count, dtype=np.bool_)
    means: Float64 = (together @ sums[:, 3:]) / np.maximum(together @ sizes, 1)[:, None]
    return means


def _walls(kind: Int64, points: Float64, planes: Planes) -> Int64:
    """Plane of each voxel of a wall, (N,) int64, -1 of the rest; strays go to a near one."""
    wall = np.where(kind == WALL, planes.plane_of, -1).astype(np.int64)
    known = np.unique(wall[wall >= 0])
    rest = np.flatnonzero((kind == WALL) & (wall < 0))
    if len(known) and len(rest):
        distance = np.abs(points[rest] @ planes.normals[known].T - planes.offsets[known])
        near = distance.min(axis=1) < _NEAR_WALL_M
        wall[rest[near]] = known[distance.argmin(axis=1)[near]]
    return wall


def _add_sheets(surface: Surface, planes: Planes, walls: Int64) -> None:
    """Give walls the other sheets of them that pose errors made, and the noise around them.

    A sheet runs beside its wall; noise has no surface of its own.

    Args:
        surface: N voxels.
        planes: of it.
        walls: (N,) plane of each voxel of a wall, -1 of the rest; changed in place.
    """
    here = np.repeat(np.arange(len(walls), dtype=np.int32), np.diff(surface.starts))
    free = ((walls < 0) & (planes.plane_of < 0))[here]
    here, there = here[free], surface.neighbors[free]
    for _ in range(_SHEET_STEPS):
        near = (walls[here] < 0) & (walls[there] >= 0)
        rows, number = here[near], walls[there[near]]
        normal = planes.normals[number]
        own = surface.normals[rows]
        along = (np.abs(np.einsum("ij,ij->i", own, normal)) > _PARALLEL) | ~own.any(axis=1)
        off = np.einsum("ij,ij->i", surface.points[rows], normal) - planes.offsets[number]
        beside = along & (np.abs(off) < _NEAR_WALL_M)
        walls[rows[beside]] = number[beside]


def _is_outermost(surface: Surface, planes: Planes) -> Bool:
    """Whether hardly anything lies behind each plane, (P,) bool."""
    heights = surface.points @ planes.normals.T - planes.offsets
    behind = np.minimum((heights > _BEHIND_M).mean(axis=0), (heights < -_BEHIND_M).mean(axis=0))
    outermost: Bool = behind < _HARDLY_ANY
    return outermost


def _top_of_floor(surface: Surface, plane: Int32, at_bottom: Bool) -> float:
    """Height below which all is floor: just above the highest sheet of it, metres."""
    tops = [surface.points[plane == number, 2].mean() for number in np.flatnonzero(at_bottom)]
    return max(tops, default=-np.inf) + surface.voxel_size / 2


def _is_at_bottom(surface: Surface, planes: Planes) -> Bool:
    """(P,) bool, whether each plane is large, level and at the bottom of the scene.

    A floor seen without walls and furniture looks like any table top to a network, and pose errors
    make several sheets of it.
    """
    z, on_plane = surface.points[:, 2], planes.plane_of >= 0
    own = planes.plane_of[on_plane]
    counts = np.maximum(np.bincount(own, minlength=len(planes)), 1)
    heights = np.bincount(own, z[on_plane], minlength=len(planes)) / counts
    lowest = np.quantile(z, _LOWEST_SHARE)
    level = np.abs(planes.normals[:, 2]) > _LEVEL
    low: Bool = heights < lowest + _FLOOR_RISE_M
    return low & level & (planes.areas >= _FLOOR_AREA_M2)
