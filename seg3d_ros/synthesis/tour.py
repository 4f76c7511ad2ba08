"""Tours: a camera goes through rooms, comes back, and finds that things were carried elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from seg3d_ros.files import replacing_folder
from seg3d_ros.recordings.truth import Move, write_truth
from seg3d_ros.recordings.tum_writer import write_tum
from seg3d_ros.scene import Float64
from seg3d_ros.sensing.depth_image import DepthImage
from seg3d_ros.synthesis.capture import CAMERA, CAREFUL
from seg3d_ros.synthesis.decor import PLAIN
from seg3d_ros.synthesis.furnishing import Furnisher
from seg3d_ros.synthesis.fusion import Int32
from seg3d_ros.synthesis.layout import empty_room, fill
from seg3d_ros.synthesis.names import Furnishing
from seg3d_ros.synthesis.odometry import with_odometry_drift
from seg3d_ros.synthesis.rig import Rig, make_rig
from seg3d_ros.synthesis.room import Placed, Room
from seg3d_ros.synthesis.scan import Scan, make_scan, stamp_ns
from seg3d_ros.synthesis.stage import Load, build_room, random_lights, ray_scene
from seg3d_ros.synthesis.supports import Support
from seg3d_ros.synthesis.views import Surroundings
from seg3d_ros.synthesis.walk import camera_pose, free_places

_WALL_M = 0.3  # between two rooms
_SIZES = ((3.0, 4.2), (2.8, 3.8), (2.4, 2.7))  # metres along x, y, z: tours stay short
_STOPS, _VIEWS = 3, 6  # of a visit; at each stop the camera turns once about itself
_MOVED = 3  # things carried elsewhere before the camera comes back
_FARTHEST_M2 = 0.7  # footprint of a thing that is carried
_LEAST_M = 0.5  # way that a thing is carried


@dataclass(frozen=True)
class Carried:
    """Thing carried elsewhere in its room: its number among the furniture, and the new place."""

    number: int
    place: Placed


@dataclass(frozen=True)
class Visit:
    """Visit to a room: its number, and what was carried elsewhere in it since the last one."""

    room: int
    carried: tuple[Carried, ...] = ()


@dataclass(frozen=True, eq=False)
class Tour:
    """Scan of a tour, and the moves of its things by the numbers of its names."""

    scan: Scan
    moves: tuple[Move, ...]


def plan_tour(
    rng: np.random.Generator,
    furnishings: Sequence[Furnishing],
    supports: Callable[[str], Sequence[Support]],
) -> tuple[list[Room], list[Visit]]:
    """Two furnished rooms side by side, each visited twice in turn.

    Args:
        rng: the tour is a function of its state and the other arguments.
        furnishings: what may be used.
        supports: where a model, given by its key, carries things.
    """
    rooms: list[Room] = []
    carried: list[tuple[Carried, ...]] = []
    for _ in range(2):
        width, depth, height = (float(rng.uniform(*span)) for span in _SIZES)
        room = empty_room(rng, (width, depth, height))
        furnisher = fill(room, rng, furnishings, supports)
        placed = tuple(furnisher.placed)
        carried.append(_carried(furnisher, rng))
        origin = (sum(other.size[0] + _WALL_M for other in rooms), 0.0)
        rooms.append(replace(room, placed=placed, origin=origin))
    again = [Visit(number, moved) for number, moved in enumerate(carried)]
    return rooms, [Visit(0), Visit(1), *again]


def _carried(furnisher: Furnisher, rng: np.random.Generator) -> tuple[Carried, ...]:
    """Some things of a furnished room, carried elsewhere in it."""
    found: list[Carried] = []
    for number in rng.permutation(furnisher.movable()).tolist():
        before = furnisher.placed[number]
        if len(found) == _MOVED or furnisher.footprint(number) > _FARTHEST_M2:
            continue
        after = furnisher.elsewhere(number)
        if after is not None and np.hypot(after.x - before.x, after.y - before.y) > _LEAST_M:
            found.append(Carried(number, after))
    return tuple(found)


def scan_tour(
    rooms: Sequence[Room],
    visits: Sequence[Visit],
    load: Load,
    rng: np.random.Generator,
    *,
    pose_noise: float = 0.0,
) -> Tour:
    """Go through rooms with a camera; all but the believed poses is the same for any noise.

    Args:
        rooms: what stands where to begin with.
        visits: in their order.
        load: gives the mesh of a model by its key.
        rng: of everything that rooms and visits leave open.
        pose_noise: see `with_odometry_drift`.
    """
    built = [build_room(room, load, rng, PLAIN) for room in rooms]
    names = [name for one in built for name in one.names]
    first_of_room = np.cumsum([0, *(len(one.names) for one in built)])
    light = random_lights(built, rng)
    rig: Rig | None = None
    poses: list[Float64] = []
    views: list[tuple[DepthImage, Int32]] = []
    moves: list[Move] = []
    for visit in visits:
        for thing in visit.carried:
            number = int(first_of_room[visit.room]) + built[visit.room].shell_parts + thing.number
            start = built[visit.room].foot(thing.number)
            built[visit.room] = built[visit.room].with_moved(thing.number, thing.place, load)
            end = built[visit.room].foot(thing.number)
            moves.append(Move(number, stamp_ns(len(poses)), start, end))
        room, scene = built[visit.room], ray_scene(built)
        seen_from = room.placed_among_rooms(look_around(room.surroundings(scene), rng))
        if rig is None:
            rig = make_rig(scene, light, len(names), seen_from, rng, CAREFUL)
        rig = replace(rig, scene=scene)
        views += [rig.look(pose, rng) for pose in seen_from]
        poses += seen_from
    believed = with_odometry_drift(poses, pose_noise, rng)
    return Tour(make_scan(believed, views, names), tuple(moves))


def look_around(around: Surroundings, rng: np.random.Generator) -> list[Float64]:
    """Poses (4, 4) map_from_camera of a robot that stops here and there and turns about itself."""
    height = float(min(rng.uniform(1.1, 1.5), around.size[2] - 0.3))
    stops = free_places(around.size, around.boxes, height, count=_STOPS, rng=rng)
    poses = []
    for stop in stops:
        first = rng.uniform(0, 2 * np.pi)
        for yaw in first + 2 * np.pi * np.arange(_VIEWS) / _VIEWS:
            eye = stop + rng.normal(0, 0.02, 3)
            poses.append(camera_pose(eye, float(yaw), float(rng.normal(-0.3, 0.12)), 0.0))
    return poses


def write_tour(folder: Path, tour: Tour, words: Sequence[str]) -> None:
    """Write a recording in the style of TUM with its ground truth; an older folder goes.

    Args:
        folder: of the recording.
        tour: to write.
        words: names that those of its things were chosen from.
    """
    camera, scan = CAMERA, tour.scan
    stamps = [frame.stamp_ns for frame in scan.frames]
    images = [labels.reshape(camera.height, camera.width) for labels in scan.instances]
    with replacing_folder(folder) as temporary:
        write_tum(temporary, scan.frames)
        write_truth(temporary, scan.names, words, tour.moves, zip(stamps, images, strict=True))
