"""Constellations: poses of one map in another by objects of both that look alike.

Maps are level, so that two pairs of objects give a pose: a turn about z and a shift. The pose that
most objects agree with is the likeliest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seg3d_ros.objects.look import Look, look_of, mean_colors
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.moves import likeness
from seg3d_ros.objects.point_owners import owner_of_points
from seg3d_ros.scene import Float64, Int64, Scene
from seg3d_ros.sensing.transforms import level_pose

_LARGEST_M = 2.5  # longer objects are parts of rooms, and seen in part
_LEAST_LIKENESS = 0.5
_MOST_ALIKE = 6  # objects of the file that an object of the map is compared with
_MOST_OBJECTS = 60  # of a map, the largest
_MOST_PAIRS = 4000
_LEAST_APART_M = 0.5  # of two objects: nearer ones tell little of the turn
_AGREEMENT_M = 0.2  # difference of distances and heights between two objects
_MATCH_M = 0.3  # between an object and where the pose puts it
DISTINCT_M, DISTINCT_RAD = 0.5, np.radians(15.0)  # by which two poses differ


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """Pose of a file's map in another.

    Attributes:
        map_from_file: (4, 4) float64, a turn about z and a shift.
        matched: objects of the map that have one of the file at their place.
    """

    map_from_file: Float64
    matched: int


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Objects of file and map that look alike, one a row.

    Attributes:
        file_ids, map_rows: (C,) their numbers.
        file_places, map_places: (C, 3) centroids, metres.
        likeness: (C,) in [0, 1].
    """

    file_ids: Int64
    map_rows: Int64
    file_places: Float64
    map_places: Float64
    likeness: Float64


def constellation_poses(
    file_scene: Scene,
    file_objects: Sequence[MapObject],
    scene: Scene,
    objects: Sequence[MapObject],
) -> list[Hypothesis]:
    """Distinct poses that objects agree with, best first.

    Args:
        file_scene: map of the file.
        file_objects: its objects.
        scene: map that it is to be placed in.
        objects: of that.
    """
    pairs = _alike(_looks(file_scene, file_objects), _looks(scene, objects))
    if len(pairs.likeness) < 2:
        return []
    turns, shifts = _poses_of_two(pairs)
    if not len(turns):
        return []
    scores, matched = _agreement(pairs, turns, shifts)
    found: list[Hypothesis] = []
    middle = pairs.file_places.mean(axis=0)
    for row in np.argsort(-scores, kind="stable"):
        pose = level_pose(turns[row], shifts[row])
        if all(are_distinct(pose, other.map_from_file, middle) for other in found):
            found.append(Hypothesis(pose, int(matched[row])))
        if len(found) == 8:
            break
    return found


def are_distinct(one: Float64, other: Float64, place: Float64) -> bool:
    """Whether two level poses (4, 4) put a place (3,) elsewhere, or turn it."""
    apart = one[:3, :3] @ place + one[:3, 3] - other[:3, :3] @ place - other[:3, 3]
    relative = one[:3, :3].T @ other[:3, :3]
    turn = abs(float(np.arctan2(relative[1, 0], relative[0, 0])))
    return bool(np.linalg.norm(apart) > DISTINCT_M or turn > DISTINCT_RAD)


def _looks(scene: Scene, objects: Sequence[MapObject]) -> list[tuple[MapObject, Look]]:
    movable = [known for known in objects if known.box.size.max() <= _LARGEST_M]
    largest = sorted(movable, key=len, reverse=True)[:_MOST_OBJECTS]
    colors = mean_colors(owner_of_points(scene, largest), len(largest), scene.colors)
    return [(known, look_of(known, color)) for known, color in zip(largest, colors, strict=True)]


def _alike(
    of_file: Sequence[tuple[MapObject, Look]], of_map: Sequence[tuple[MapObject, Look]]
) -> _Pairs:
    rows = []
    for number, (known, look) in enumerate(of_map):
        alike = [
            (likeness(other_look, other.embeddings, look, known.embeddings), other)
            for other, other_look in of_file
        ]
        alike.sort(key=lambda entry: -entry[0])
        rows += [
            (other.id, number, other.centroid, known.centroid, value)
            for value, other in alike[:_MOST_ALIKE]
            if value >= _LEAST_LIKENESS
        ]
    columns = list(zip(*rows, strict=True)) if rows else [()] * 5
    return _Pairs(
        np.array(columns[0], np.int64),
        np.array(columns[1], np.int64),
        np.array(columns[2], np.float64).reshape(-1, 3),
        np.array(columns[3], np.float64).reshape(-1, 3),
        np.array(columns[4], np.float64),
    )


def _poses_of_two(pairs: _Pairs) -> tuple[Float64, Float64]:
    """Turns (P,), radians, and shifts (P, 3) that put two objects on two, file onto map."""
    one, other = np.triu_indices(len(pairs.likeness), 1)
    in_file = pairs.file_places[other] - pairs.file_places[one]
    in_map = pairs.map_places[other] - pairs.map_places[one]
    file_length, map_length = (np.linalg.norm(v[:, :2], axis=1) for v in (in_file, in_map))
    fits = (pairs.file_ids[one] != pairs.file_ids[other]) & (
        pairs.map_rows[one] != pairs.map_rows[other]
    )
    fits &= (np.abs(file_length - map_length) <= _AGREEMENT_M) & (file_length >= _LEAST_APART_M)
    fits &= np.abs(in_file[:, 2] - in_map[:, 2]) <= _AGREEMENT_M
    rows = np.flatnonzero(fits)
    weight = pairs.likeness[one[rows]] * pairs.likeness[other[rows]]
    rows = rows[np.argsort(-weight, kind="stable")[:_MOST_PAIRS]]
    turns = np.arctan2(in_map[rows, 1], in_map[rows, 0]) - np.arctan2(
        in_file[rows, 1], in_file[rows, 0]
    )
    file_middle, map_middle = (
        (places[one[rows]] + places[other[rows]]) / 2
        for places in (pairs.file_places, pairs.map_places)
    )
    return turns, map_middle - _turned(file_middle[:, None], turns)[:, 0]


def _turned(places: Float64, turns: Float64) -> Float64:
    """(P, C, 3) places turned about z by (P,) turns; places are (P, C, 3) or (1, C, 3)."""
    cos, sin = np.cos(turns)[:, None], np.sin(turns)[:, None]
    x, y, z = np.moveaxis(places, -1, 0)
    return np.stack([cos * x - sin * y, sin * x + cos * y, z + 0 * cos], axis=-1)


def _agreement(pairs: _Pairs, turns: Float64, shifts: Float64) -> tuple[Float64, Int64]:
    """Score (P,) of each pose, and how many objects (P,) of the map it matches."""
    placed = _turned(pairs.file_places[None], turns) + shifts[:, None]
    near = np.linalg.norm(placed - pairs.map_places, axis=2) <= _MATCH_M
    scores = np.zeros(len(turns))
    matched = np.zeros(len(turns), np.int64)
    for row in np.unique(pairs.map_rows):
        own = pairs.map_rows == row
        best = np.where(near[:, own], pairs.likeness[own], 0).max(axis=1)
        scores += best
        matched += best > 0
    return scores, matched
