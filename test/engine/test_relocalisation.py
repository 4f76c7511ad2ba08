"""A saved map whose frame started elsewhere finds its place, or says why it does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support import toy_room
from support.room_frames import GEOMETRIC, SECOND
from support.toy_room import ToyBox

from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.map_segmentation import EmptyMapError
from seg3d_ros.objects.areas import Area
from seg3d_ros.objects.edits import Merge, Rename, Undo
from seg3d_ros.objects.moved_map import moved_map
from seg3d_ros.objects.query import Query
from seg3d_ros.objects.relocalisation import NotRecognisedError
from seg3d_ros.objects.storage import load_map, save_map
from seg3d_ros.scene import Frame
from seg3d_ros.sensing.depth_image import deproject
from seg3d_ros.sensing.transforms import level_pose

ROOM = (
    *toy_room.BOXES,
    ToyBox((1.4, -1.5, 0), (1.9, -1.1, 0.9), (230, 190, 40)),
    ToyBox((0.1, -1.3, 0), (0.5, -0.9, 0.25), (120, 60, 160)),
)
ELSEWHERE = level_pose(np.radians(140.0), (3.0, -2.0, 0.4))  # new map from the old one


def engine_with(
    boxes: tuple[ToyBox, ...], ys: np.ndarray, *, map_from_room: np.ndarray | None = None
) -> Engine:
    """Map of a room as seen from (-0.9, y), in a frame of its own."""
    engine = Engine(GEOMETRIC)
    for number, y in enumerate(ys):
        pose = toy_room.looking_at((-0.9, float(y), 1.3), (1.0, 0.3 * float(y), 0.2))
        depth, color = toy_room.cast(pose, boxes)
        points = deproject(depth, toy_room.CAMERA, depth_unit=1.0)
        if map_from_room is not None:
            pose = map_from_room @ pose
        stamp_ns = (number + 1) * SECOND
        camera = toy_room.CAMERA
        engine.integrate(Frame(points, color.reshape(-1, 3), stamp_ns, pose, depth.shape, camera))
    engine.settle()
    return engine


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """Map of the whole room, its red box called crate."""
    engine = engine_with(ROOM, np.linspace(-1.2, 1.2, 8))
    found = engine.query(Query(near=tuple(ROOM[0].center), radius=0.01)).matches
    engine.edit(Rename(max((match.object for match in found), key=len).id, "crate"))
    engine.places.set_area(
        Area("corner", np.array([(0.7, -0.7), (1.4, -0.7), (1.4, 0), (0.7, 0)]))
    )
    path = tmp_path_factory.mktemp("map") / "room.map"
    engine.save(path, fixed_frame="odom")
    return path


def test_a_map_is_moved_to_its_place(saved: Path) -> None:
    engine = engine_with(ROOM, np.linspace(-0.8, 0.8, 3), map_from_room=ELSEWHERE)
    report = engine.load(saved, fixed_frame="map", relocalise=True)
    moved = report.map_from_file
    places = np.array([box.center for box in ROOM])
    wanted = places @ ELSEWHERE[:3, :3].T + ELSEWHERE[:3, 3]
    assert np.abs(places @ moved[:3, :3].T + moved[:3, 3] - wanted).max() < 0.03
    (crate,) = engine.query(Query("the crate in the corner")).matches
    assert np.linalg.norm(crate.object.box.center - wanted[0]) < 0.08
    assert engine.state.best_views[crate.object.id], "its pictures show it there"
    known = np.concatenate([found.element_ids for found in engine.state.objects])
    assert len(np.unique(known)) == len(known)
    assert np.isin(known, engine.map.snapshot().element_ids).all()


def test_a_merge_is_undone_in_the_new_place(saved: Path, tmp_path: Path) -> None:
    engine = Engine(GEOMETRIC)
    engine.load(saved)
    first, second = (
        max((match.object for match in engine.query(place).matches), key=len)
        for place in (Query(near=tuple(ROOM[k].center), radius=0.01) for k in (0, 1))
    )
    engine.edit(Merge((first.id, second.id)))
    engine.save(tmp_path / "merged.map")
    moved = moved_map(load_map(tmp_path / "merged.map"), ELSEWHERE, engine.map.grid)
    engine.load(save_map(tmp_path / "moved.map", moved.voxels, moved.objects))
    engine.edit(Undo())
    for known in (first, second):
        wanted = ELSEWHERE[:3, :3] @ known.box.center + ELSEWHERE[:3, 3]
        assert np.linalg.norm(engine.get(known.id).box.center - wanted) < 0.1


def test_a_file_of_the_same_frame_stays_where_it_is(saved: Path) -> None:
    engine = engine_with(ROOM, np.linspace(-0.8, 0.8, 3))
    moved = engine.load(saved, relocalise=True).map_from_file
    np.testing.assert_allclose(moved, np.eye(4), atol=0.02)


def test_another_room_is_refused_and_the_map_kept(saved: Path) -> None:
    other = tuple(
        ToyBox(low, high, (90, 90, 90))
        for low, high in [
            ((0.3, -1.0, 0), (1.2, -0.5, 1.1)),
            ((0.9, 0.0, 0), (1.1, 0.2, 0.2)),
            ((0.2, 0.7, 0), (1.0, 1.2, 0.5)),
        ]
    )
    engine = engine_with(other, np.linspace(-0.8, 0.8, 3))
    before = engine.state
    with pytest.raises(NotRecognisedError, match="look around"):
        engine.load(saved, relocalise=True)
    assert engine.state is before


def test_a_room_that_looks_the_same_from_two_sides_is_refused(tmp_path: Path) -> None:
    """Four equal boxes on a square: each quarter turn fits."""
    boxes = tuple(
        ToyBox((x, y, 0), (x + 0.3, y + 0.3, 0.4), (60, 120, 200))
        for x in (0.2, 1.2)
        for y in (-0.65, 0.35)
    )
    ys = np.linspace(-1.0, 1.0, 5)
    eyes = [(-0.9, float(y)) for y in ys] + [(2.6, float(y)) for y in ys]
    engine = Engine(GEOMETRIC)
    for number, (x, y) in enumerate(eyes):
        pose = toy_room.looking_at((x, y, 1.6), (0.85, 0.0, 0.2))
        depth, color = _without_the_wall(pose, boxes)
        points = deproject(depth, toy_room.CAMERA, depth_unit=1.0)
        engine.integrate(
            Frame(points, color.reshape(-1, 3), (number + 1) * SECOND, pose, depth.shape,
                  toy_room.CAMERA)
        )  # fmt: skip
    engine.settle()
    engine.save(tmp_path / "square.map")
    with pytest.raises(NotRecognisedError, match="two places of the file"):
        engine.load(tmp_path / "square.map", relocalise=True)


def _without_the_wall(
    pose: np.ndarray, boxes: tuple[ToyBox, ...]
) -> tuple[np.ndarray, np.ndarray]:
    depth, color = toy_room.cast(pose, boxes)
    wall = (color == toy_room.WALL.color).all(axis=-1)
    return np.where(wall, np.nan, depth).astype(np.float32), color


def test_without_a_map_there_is_nothing_to_compare(saved: Path) -> None:
    with pytest.raises(EmptyMapError):
        Engine(GEOMETRIC).load(saved, relocalise=True)
