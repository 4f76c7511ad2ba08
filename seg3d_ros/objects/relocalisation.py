"""Relocalisation: where the map of a file lies in the map of now, or a sentence why it is unsure.

The constellation of objects gives a few poses, the surfaces of both maps refine them and decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from seg3d_ros.mapping.alignment import SPACING_M, align, thinned
from seg3d_ros.objects.constellation import are_distinct, constellation_poses
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.sizes import floor_of
from seg3d_ros.scene import Float64, Scene
from seg3d_ros.sensing.transforms import invert, transformed

LEAST_OBJECTS = 3  # that must agree
_LEAST_COVERED = 0.6  # share of the surfaces of now that the file's map has, too
_CLEARLY = 0.85  # of the best share that any other pose stays below
_ON_SURFACE_M = 1.5 * SPACING_M
_FLOOR_M = 0.15  # voxels up to this height above the floor fit anywhere
_LEAST_POINTS, _MOST_POINTS = 200, 5000  # that are compared


class NotRecognisedError(RuntimeError):
    """The map of a file is not sure to be that of this place; the message says why."""


@dataclass(frozen=True, eq=False)
class Relocalisation:
    """Result.

    Attributes:
        map_from_file: (4, 4) float64, a turn about z and a shift.
        objects: number of objects that agree.
        covered: share of the surfaces of now that the file's map has.
    """

    map_from_file: Float64
    objects: int
    covered: float


def recognise(
    file_scene: Scene,
    file_objects: Sequence[MapObject],
    scene: Scene,
    objects: Sequence[MapObject],
) -> Relocalisation:
    """Pose of a file's map in the map of now.

    Raises:
        NotRecognisedError: no pose is sure.
    """
    hypotheses = constellation_poses(file_scene, file_objects, scene, objects)
    best = max((one.matched for one in hypotheses), default=0)
    if best < LEAST_OBJECTS:
        raise NotRecognisedError(
            f"{best} of the {len(objects)} objects here are arranged as in the file, and "
            f"{LEAST_OBJECTS} are needed: look around, and ask again"
        )
    here = _upright_points(scene)
    if len(here) < _LEAST_POINTS:
        raise NotRecognisedError("the map holds little but floor: look around, and ask again")
    file_points = file_scene.grid.map_from_local(file_scene.points)
    target = cKDTree(thinned(file_points))
    ranked = []
    for one in hypotheses:
        if one.matched >= LEAST_OBJECTS:
            file_from_map = align(here, target, invert(one.map_from_file))
            covered = _covered(here, target, file_from_map)
            ranked.append(Relocalisation(invert(file_from_map), one.matched, covered))
    ranked.sort(key=lambda found: -found.covered)
    first, *others = ranked
    if first.covered < _LEAST_COVERED:
        raise NotRecognisedError(
            f"{first.objects} objects are arranged as in the file, but only "
            f"{100 * first.covered:.0f} % of the surfaces here are in it, and "
            f"{100 * _LEAST_COVERED:.0f} % are needed: look around, and ask again"
        )
    middle = file_points.mean(axis=0)
    for other in others:
        distinct = are_distinct(first.map_from_file, other.map_from_file, middle)
        if distinct and other.covered > _CLEARLY * first.covered:
            raise NotRecognisedError(
                f"two places of the file look like this one: {100 * first.covered:.0f} % and "
                f"{100 * other.covered:.0f} % of the surfaces here fit; look around, and ask again"
            )
    return first


def _upright_points(scene: Scene) -> Float64:
    """Thinned points (N, 3) of a map without its floor, map frame; at most _MOST_POINTS."""
    points = scene.grid.map_from_local(scene.points)
    floor = floor_of(scene)
    if floor is not None:
        points = points[points[:, 2] > floor + _FLOOR_M]
    points = thinned(points) if len(points) else points
    return points[:: max(1, -(-len(points) // _MOST_POINTS))]


def _covered(points: Float64, target: cKDTree, target_from_points: Float64) -> float:
    gaps, _ = target.query(
        transformed(points, target_from_points), distance_upper_bound=_ON_SURFACE_M
    )
    return float(np.isfinite(gaps).mean())
