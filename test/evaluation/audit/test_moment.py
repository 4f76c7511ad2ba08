"""Known and true objects on a row of voxels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seg3d_ros.evaluation.audit.moment import compare
from seg3d_ros.objects.box import voxel_box
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.recordings.truth import NONE
from seg3d_ros.scene import Scene

NAMES = ("chair", "wall", "cup", "table")
# 300 voxels of a chair, 300 of a wall, 50 of a cup, 200 of a table, 50 that nobody labelled.
LABELS = np.repeat([0, 1, 2, 3, NONE], [300, 300, 50, 200, 50]).astype(np.int32)
POINTS = np.stack([np.arange(900) * 0.02, np.zeros(900), np.zeros(900)], 1).astype(np.float32)
SCENE = Scene(POINTS, np.zeros((900, 3), np.float32), np.arange(900), 0.02, stamp_ns=5)


def known(number: int, start: int, end: int, name: str | None = None) -> MapObject:
    """Object of the voxels from `start` up to `end`."""
    ids = np.arange(start, end)
    box, centroid = voxel_box(POINTS[ids], SCENE.grid)
    made = MapObject(number, ids, POINTS[ids], box, centroid, 0.9, 0, 0)
    return replace(made, pinned_label=name)


def look(*objects: MapObject):
    return compare(SCENE, objects, LABELS, NAMES)


def test_ious_are_those_of_the_voxels_that_have_a_label():
    seen = look(known(4, 0, 240), known(6, 600, 900))
    assert seen.true_ids.tolist() == [0, 3], "the wall is no object, the cup too small"
    assert seen.object_ids.tolist() == [4, 6]
    np.testing.assert_allclose(seen.ious, [[240 / 300, 0], [0, 200 / 250]])
    assert (seen.matched, seen.duplicates, seen.ghosts, seen.stamp_ns) == (2, 0, 0, 5)


def test_a_second_object_on_the_same_thing_is_a_duplicate():
    assert look(known(1, 0, 200), known(2, 200, 300)).duplicates == 1


@pytest.mark.parametrize(("name", "ghosts"), [("picture", 1), ("wall", 0), ("background", 0)])
def test_an_object_on_the_wall_is_a_ghost_unless_it_is_called_so(name, ghosts):
    seen = look(known(1, 320, 420, name))
    assert seen.ghosts == ghosts == len(seen.object_ids)


def test_an_object_on_a_thing_that_is_too_small_does_not_count():
    seen = look(known(1, 600, 650))
    assert len(seen.object_ids) == 0 and seen.ghosts == 0


def test_an_object_on_several_things_counts_and_fits_none():
    seen = look(known(1, 250, 340), known(2, 200, 250))
    assert seen.object_ids.tolist() == [1, 2] and seen.matched == 0 and seen.duplicates == 1
