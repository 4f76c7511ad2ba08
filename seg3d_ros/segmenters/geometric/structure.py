"""Floor, walls and ceiling: a network's output by voxel, made consistent by plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seg3d_ros.networks.kinds import FLOOR, OBJECT, WALL
from seg3d_ros.scene import Bool, Float32, Int64, Scene
from seg3d_ros.segmenters.geometric.planes import Planes, find_planes
from seg3d_ros.segmenters.geometric.surface import Surface, build_surface

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

    def masks(self) -> tuple[Bool, Int64]:
        """Masks (S, N) of floor, ceiling and each wall, and the kind of each (S,)."""
        walls = np.where(self.kind == WALL, self.plane, -1)
        parts = self.kind * (walls.max(initial=-1) + 2) + walls + 1
        ids = np.unique(parts[self.kind != OBJECT])
        masks = parts == ids[:, None]
        return masks, np.array([self.kind[mask][0] for mask in masks], np.int64)


def agree_on_structure(scene: Scene, probabilities: Float32) -> Structure:
    """Give the voxels of each large plane the kind that most of them seem to have.

    Args:
        scene: of N voxels.
        probabilities: (N, 4) of OBJECT, FLOOR, WALL, CEILING.
    """
    if not len(scene):
        return Structure(np.zeros(0, np.int64), np.zeros(0, np.int64))
    surface = build_surface(scene)
    planes = find_planes(
        surface,
        min_area=_PLANE_AREA_M2,
        thickness=_THICKNESS * scene.voxel_size,
        max_angle=_MAX_ANGLE,
    )
    plane = np.full(len(scene), -1, np.int64)
    plane[surface.order] = planes.plane_of
    kind = probabilities.argmax(axis=1)
    at_bottom = _is_at_bottom(surface, planes)
    for number, normal in enumerate(planes.normals):
        rows = np.flatnonzero(plane == number)
        mean = probabilities[rows].mean(axis=0)
        mean[WALL if abs(normal[2]) > _STEEP else FLOOR] = 0
        agreed = FLOOR if at_bottom[number] else int(mean.argmax())
        if agreed == OBJECT and mean[OBJECT] >= _AGREED:
            kind[rows] = OBJECT
        elif at_bottom[number] or mean[agreed] >= _AGREED:
            # Where all of a plane seems to be an object, single voxels tell nothing.
            sure = _SURE if mean[OBJECT] < _AGREED else np.inf
            kind[rows[probabilities[rows, OBJECT] < sure]] = agreed
    kind[(plane < 0) & (scene.points[:, 2] < _top_of_floor(scene, plane, at_bottom))] = FLOOR
    return Structure(kind, _walls(kind, plane, scene.points - scene.points.min(axis=0), planes))


def _walls(kind: Int64, plane: Int64, points: Float32, planes: Planes) -> Int64:
    """Plane of each voxel of a wall, (N,) int64, -1 of the rest; strays go to a near one."""
    wall = np.where(kind == WALL, plane, -1)
    known = np.unique(wall[wall >= 0])
    rest = np.flatnonzero((kind == WALL) & (wall < 0))
    if len(known) and len(rest):
        distance = np.abs(points[rest] @ planes.normals[known].T - planes.offsets[known])
        near = distance.min(axis=1) < _NEAR_WALL_M
        wall[rest[near]] = known[distance.argmin(axis=1)[near]]
    return wall


def _top_of_floor(scene: Scene, plane: Int64, at_bottom: Bool) -> float:
    """Height below which all is floor: just above the highest sheet of it, metres."""
    tops = [scene.points[plane == number, 2].mean() for number in np.flatnonzero(at_bottom)]
    return max(tops, default=-np.inf) + scene.voxel_size / 2


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
