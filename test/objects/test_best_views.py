"""Best views of all objects follow the map and the keyframes."""

from dataclasses import replace

import numpy as np
import pytest
from support import toy_room
from support.toy_frames import box_surface, toy_keyframe

from seg3d_ros.objects.best_views import BestViews
from seg3d_ros.objects.box import voxel_box
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.scene import MapGrid

ORIGIN = np.array([5e6, -3e6, 100.0])
GRID = MapGrid(0.02, ORIGIN)
BOXES = toy_room.BOXES
TOWARDS = [toy_room.looking_at((-0.4, y, 1.0), tuple(BOXES[0].center)) for y in (-1.4, -0.4, 0.6)]
AWAY = toy_room.looking_at((0, 0, 1), (-2, 0.1, 0))


def object_of(box, object_id: int, *, step: float = 0.02) -> MapObject:
    points = box_surface(box, step=step).astype(np.float32)
    return MapObject(
        object_id, np.arange(len(points)), points, *voxel_box(points, GRID),
        score=1.0, first_seen_ns=0, last_seen_ns=0,
    )  # fmt: skip


def keyframe(pose: np.ndarray, keyframe_id: int):
    """Of a toy room that stands at the origin of the grid."""
    moved = pose.copy()
    moved[:3, 3] += ORIGIN
    return toy_keyframe(pose, keyframe_id, map_from_camera=moved)


@pytest.fixture
def views():
    return BestViews()


def ids(found) -> dict[int, list[int]]:
    return {item: sorted(view.keyframe.id for view in views) for item, views in found.items()}


def test_views_grow_with_the_keyframes_as_if_all_had_been_there_at_once(views):
    objects = [object_of(box, n) for n, box in enumerate(BOXES, 1)]
    keyframes = tuple(keyframe(pose, n) for n, pose in enumerate([*TOWARDS, AWAY], 1))
    for count in range(5):
        found = views.update(objects, GRID, keyframes[:count])
    assert ids(found) == ids(BestViews().update(objects, GRID, keyframes))
    assert ids(found)[1] == [1, 2, 3]
    assert views.in_use == {1, 2, 3}


def test_what_stays_is_not_looked_for_again(views):
    item = object_of(BOXES[0], 1)
    keyframes = tuple(keyframe(pose, n) for n, pose in enumerate(TOWARDS, 1))
    before = views.update([item], GRID, keyframes)
    renamed = replace(item, pinned_label="crate")
    assert views.update([renamed], GRID, keyframes)[1] is before[1]
    more = views.update([item], GRID, (*keyframes, keyframe(AWAY, 9)))
    assert all(a is b for a, b in zip(more[1], before[1], strict=True))


def test_an_object_that_moved_is_looked_for_everywhere(views):
    keyframes = tuple(keyframe(pose, n) for n, pose in enumerate(TOWARDS, 1))
    before = views.update([object_of(BOXES[0], 1)], GRID, keyframes)
    after = views.update([object_of(BOXES[1], 1)], GRID, keyframes)
    assert after[1] and after[1][0].box != before[1][0].box
    assert ids(after) == ids(BestViews().update([object_of(BOXES[1], 1)], GRID, keyframes))


def test_views_end_with_their_keyframes_and_their_object(views):
    item = object_of(BOXES[0], 1)
    keyframes = tuple(keyframe(pose, n) for n, pose in enumerate(TOWARDS, 1))
    views.update([item], GRID, keyframes)
    assert ids(views.update([item], GRID, keyframes[1:])) == {1: [2, 3]}
    assert ids(views.update([], GRID, keyframes)) == {} and not views.in_use
