"""Approach: places on free floor from which a robot sees an object."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from seg3d_ros.distinct import distinct
from seg3d_ros.errors import InputError
from seg3d_ros.mapping.floor_plan import FloorPlan, floor_plan
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.sizes import floor_of
from seg3d_ros.scene import Bool, Float64, Int64, Scene
from seg3d_ros.sparse.hash_index import build_index, find_rows
from seg3d_ros.sparse.voxel_keys import keys_of_points

SEARCHED_M = 25.0  # around an object; what is farther away is on no path to it
_BLIND_M = 1.5  # a robot does not see the floor that it stands on
_CHECKED = 150  # places whose view is computed
_SPACING_M = 0.25  # between them
_APART_M = 0.5  # between the places of an answer
_RAYS = 60  # points of the object that are looked at
_SIGHT_M = 0.06  # what is nearer to a point than this does not hide it: its own surface
_LEAST_VISIBLE = 0.05
_EASE_M = 0.3  # of clearance beyond the radius; more is not better
_LONG_M = 5.0  # path that is worth half


class NoApproachError(RuntimeError):
    """No place fits; the message says what stands against it."""


@dataclass(frozen=True)
class ApproachRequest:
    """Wanted places. Metres.

    Attributes:
        radius: of the circle that the robot fits in.
        height: of the robot: lower things are in its way.
        min_distance: from its centre to the object's box, seen from above; 0: its radius.
        max_distance: the same.
        camera_height: above the floor, that the object is looked at from.
        start: (x, y) of the robot, map frame; None: it may be anywhere.
        max_results: number of places at most.

    Raises:
        InputError: a value makes no sense; the message names it.
    """

    radius: float = 0.3
    height: float = 1.5
    min_distance: float = 0.0
    max_distance: float = 1.5
    camera_height: float = 1.2
    start: tuple[float, float] | None = None
    max_results: int = 5

    def __post_init__(self) -> None:
        for name in ("radius", "height", "camera_height"):
            if not 0 < getattr(self, name) < 10:
                raise InputError(f"{name} is {getattr(self, name)}; it must lie in 0..10 m")
        if not 0 <= self.min_distance < self.max_distance < SEARCHED_M:
            raise InputError(
                f"the distances are {self.min_distance} to {self.max_distance}; they must grow, "
                f"and lie in 0..{SEARCHED_M:g} m"
            )
        if self.start is not None and not all(map(math.isfinite, self.start)):
            raise InputError(f"start is {self.start}; give two finite numbers in metres")
        if self.max_results < 1:
            raise InputError(f"max_results is {self.max_results}; it must be 1 or more")


class Approach(NamedTuple):
    """Place to stand at.

    Attributes:
        position: (3,) float64 on the floor, map frame, metres.
        yaw: that faces the object, radians.
        score: in [0, 1].
        distance: to the object's box, seen from above, metres.
        visible: share of the object's points that are seen from there.
        clearance: to the nearest obstacle or unseen floor, metres.
        path_length: from the start, metres; NaN without one.
    """

    position: Float64
    yaw: float
    score: float
    distance: float
    visible: float
    clearance: float
    path_length: float


@dataclass(frozen=True, eq=False)
class _Places:
    """Candidates, one a row.

    Attributes:
        positions: (K, 2) map frame, metres.
        distances: (K,) to the box.
        clearances: (K,).
        paths: (K,) lengths; NaN without a start.
    """

    positions: Float64
    distances: Float64
    clearances: Float64
    paths: Float64

    def select(self, rows: Int64) -> _Places:
        return _Places(
            self.positions[rows], self.distances[rows], self.clearances[rows], self.paths[rows]
        )


def find_approaches(scene: Scene, known: MapObject, request: ApproachRequest) -> list[Approach]:
    """Places to look at an object from, best first: much is seen, room to move, a short way.

    Args:
        scene: the map around the object.
        known: the object.
        request: of places.

    Raises:
        NoApproachError: there is none.
    """
    floor = floor_of(scene)
    if floor is None:
        raise NoApproachError(
            "no floor was seen: no level surface of 2 m² is at the bottom of the map"
        )
    plan = floor_plan(scene, floor, robot_height=request.height)
    places = _standing_places(plan, known, request)
    eyes = np.column_stack(
        [places.positions, np.full(len(places.positions), floor + request.camera_height)]
    )
    visible = visible_shares(scene, known, eyes)
    if visible.max() < _LEAST_VISIBLE:
        raise NoApproachError(
            f"object {known.id} is hidden from all {len(visible)} places that the robot can "
            f"stand at, seen from {request.camera_height:g} m above the floor"
        )
    scores = _scores(places, visible, request)
    return [
        Approach(
            np.array([*places.positions[row], floor]),
            _yaw_to(places.positions[row], known),
            float(scores[row]),
            float(places.distances[row]),
            float(visible[row]),
            float(places.clearances[row]),
            float(places.paths[row]),
        )
        for row in _spread(places.positions, scores, _APART_M)[: request.max_results]
        if visible[row] >= _LEAST_VISIBLE
    ]


def _standing_places(plan: FloorPlan, known: MapObject, request: ApproachRequest) -> _Places:
    """Places in the range of distances that the robot fits in and can reach.

    Raises:
        NoApproachError: there is none; the message says which condition leaves none.
    """
    clearance = plan.clearance()
    cells = np.argwhere(plan.free)
    positions = plan.places(cells)
    distances = known.box.distances(
        np.column_stack([positions, np.full(len(cells), known.box.center[2])])
    )
    least = max(request.min_distance, request.radius)
    near = (distances >= least) & (distances <= request.max_distance)
    between = f"{least:g} to {request.max_distance:g} m from object {known.id}"
    if not near.any():
        raise NoApproachError(f"no free floor was seen {between}")
    cells, positions, distances = cells[near], positions[near], distances[near]
    room = clearance[tuple(cells.T)]
    fits = room >= request.radius
    if not fits.any():
        raise NoApproachError(
            f"a robot of radius {request.radius:g} m fits nowhere {between}: the widest place has "
            f"{room.max():.2f} m to the nearest obstacle or unseen floor"
        )
    paths = _paths(plan, clearance >= request.radius, request)[tuple(cells.T)]
    reached = fits & ~np.isposinf(paths)
    if not reached.any():
        raise NoApproachError(
            f"none of the {np.count_nonzero(fits)} places {between} can be reached from "
            f"{_shown(request.start)} over floor that was seen"
        )
    places = _Places(positions, distances, room, paths).select(np.flatnonzero(reached))
    rows = _spread(places.positions, np.minimum(places.clearances, _EASE_M), _SPACING_M)
    return places.select(np.array(rows[:_CHECKED]))


def _paths(plan: FloorPlan, fits: Bool, request: ApproachRequest) -> Float64:
    """(W, H) path lengths from the start; NaN without one.

    Raises:
        NoApproachError: the robot stands on no floor that was seen.
    """
    if request.start is None:
        return np.full(fits.shape, np.nan)
    cells = np.argwhere(fits)
    gaps = np.linalg.norm(plan.places(cells) - np.array(request.start), axis=1)
    nearest = int(gaps.argmin())
    if gaps[nearest] > _BLIND_M:
        raise NoApproachError(
            f"the robot at {_shown(request.start)} stands on no floor that was seen: the nearest "
            f"place that it fits in is {gaps[nearest]:.1f} m away"
        )
    return plan.path_lengths(fits, cells[nearest]) + gaps[nearest]


def visible_shares(scene: Scene, known: MapObject, eyes: Float64) -> Float64:
    """(K,) share of an object's points that no voxel hides from each of (K, 3) eyes, map frame.

    Rays are sampled at every voxel of their length.
    """
    size = max(scene.voxel_size, 0.03)
    occupied = build_index(distinct(keys_of_points(scene.points, size)))
    step = -(-len(known.points) // _RAYS)
    targets = known.points[::step].astype(np.float64)
    shares = np.empty(len(eyes))
    for row, eye in enumerate(scene.grid.local_from_map(eyes)):
        rays = targets - eye
        lengths = np.linalg.norm(rays, axis=1)
        depths = np.arange(size, lengths.max(), size)
        places = eye + depths[:, None, None] * (rays / lengths[:, None])  # (S, T, 3)
        hit = find_rows(occupied, keys_of_points(places.reshape(-1, 3), size)) >= 0
        before = depths[:, None] < lengths - max(_SIGHT_M, 2 * size)
        shares[row] = 1 - (hit.reshape(before.shape) & before).any(axis=0).mean()
    return shares


def _scores(places: _Places, visible: Float64, request: ApproachRequest) -> Float64:
    """(K,) in [0, 1]: the part of the best view, weighed with room and way."""
    ease = np.clip((places.clearances - request.radius) / _EASE_M, 0, 1)
    way = _LONG_M / (_LONG_M + np.nan_to_num(places.paths))
    return visible / visible.max() * (0.5 + 0.25 * ease + 0.25 * way)


def _spread(positions: Float64, scores: Float64, spacing: float) -> list[int]:
    """Rows, best first, of which none is within a spacing of a better one; metres."""
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(order):
        best = int(order[0])
        kept.append(best)
        order = order[np.linalg.norm(positions[order] - positions[best], axis=1) >= spacing]
    return kept


def _yaw_to(position: Float64, known: MapObject) -> float:
    dx, dy = known.centroid[:2] - position
    return math.atan2(dy, dx)


def _shown(place: Sequence[float] | None) -> str:
    return "anywhere" if place is None else f"({place[0]:.2f}, {place[1]:.2f})"
