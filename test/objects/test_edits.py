"""Edits by hand in a toy world: what they do, that they last, and that they can be undone."""

from __future__ import annotations

import numpy as np
import pytest

from seg3d_ros.errors import InputError
from seg3d_ros.mapping.voxel_map import NEVER
from seg3d_ros.objects.editor import KEPT_EDITS
from seg3d_ros.objects.edits import Delete, Lock, Merge, Rename, SplitOff, Undo
from seg3d_ros.objects.object_map import ObjectMap, TrackingSettings, UnknownObjectError

SETTINGS = TrackingSettings(confirm_views=1, merge_views=2, forget_after=5.0)


def keep(objects, held):
    """Carve the voxels that are not held; returns how many objects end by that."""
    return objects.follow_map(lambda keys: np.where(held(keys), 0, NEVER))


def show(objects, world, parts, masks=None, *, times=1, stamp_s=1.0):
    """Segment a scene of `parts` into `masks` (default: the parts), some times in a row."""
    for number in range(times):
        scene = world.scene(*parts, stamp_s=stamp_s + number)
        objects.update(scene, world.instances(scene, *(parts if masks is None else masks)))
    return scene


@pytest.fixture
def parts(world):
    """Blocks that touch: a seat (id 1) and a back (id 2), and a mug (id 3) elsewhere."""
    return [world.block(0), world.block(6), world.block(40)]


@pytest.fixture
def objects(world, parts):
    known = ObjectMap(SETTINGS)
    show(known, world, parts)
    return known


def bodies(objects: ObjectMap) -> dict[int, tuple[int, ...]]:
    return {known.id: tuple(known.element_ids.tolist()) for known in objects.confirmed()}


def keys(*blocks) -> tuple[int, ...]:
    return tuple(sorted(np.concatenate(blocks).tolist()))


def reloaded(objects: ObjectMap, scene) -> ObjectMap:
    copy = ObjectMap(SETTINGS)
    copy.load_arrays(objects.to_arrays(), scene)
    return copy


def test_a_name_lasts_until_it_is_taken_back(objects, world, parts):
    assert objects.edit(Rename(3, "mug")).ids == (3,)
    scene = show(objects, world, parts, times=4, stamp_s=2)
    assert objects.get(3).label == reloaded(objects, scene).get(3).label == "mug"
    objects.edit(Rename(3, ""))
    assert objects.get(3).label == "object"


def test_a_named_object_is_neither_merged_nor_forgotten(objects, world, parts, union):
    objects.edit(Rename(1, "seat"))
    show(objects, world, parts, [union(parts[0], parts[1])], times=9, stamp_s=2)
    assert 1 in bodies(objects) and objects.get(1).label == "seat"
    show(objects, world, parts, [parts[1]], times=20, stamp_s=20)
    assert 1 in bodies(objects) and 3 not in bodies(objects)


def test_a_deleted_object_does_not_come_back(objects, world, parts):
    objects.edit(Delete((1, 2)))
    scene = show(objects, world, parts, times=8, stamp_s=2)
    assert list(bodies(objects)) == list(bodies(reloaded(objects, scene))) == [3]
    again = reloaded(objects, scene)
    show(again, world, parts, times=8, stamp_s=20)
    assert list(bodies(again)) == [3]
    with pytest.raises(UnknownObjectError, match="1"):
        objects.get(1)
    with pytest.raises(UnknownObjectError, match="1"):
        objects.edit(Rename(1, "seat"))


def test_a_click_brings_a_deleted_object_back(objects, world, parts):
    objects.edit(Delete((3,)))
    scene = world.scene(*parts)
    mask = np.isin(scene.element_ids, parts[2])
    assert objects.add_prompted(scene, mask).id == 3
    assert 3 in bodies(objects)


def test_merged_objects_stay_one(objects, world, parts):
    objects.edit(Rename(2, "chair"))
    assert objects.edit(Merge((2, 1))).ids == (2,)
    scene = show(objects, world, parts, times=8, stamp_s=2)
    for known in (objects, reloaded(objects, scene)):
        assert bodies(known) == {2: keys(*parts[:2]), 3: keys(parts[2])}
        assert known.get(2).label == "chair"


def test_a_part_that_is_split_off_stays_apart(objects, world, parts):
    half = parts[2][: len(parts[2]) // 2]
    assert objects.edit(SplitOff(3, np.append(half, 7), "lid")).ids == (3, 4)
    scene = show(objects, world, parts, times=8, stamp_s=2)
    for known in (objects, reloaded(objects, scene)):
        assert bodies(known)[4] == keys(half)
        assert bodies(known)[3] == keys(np.setdiff1d(parts[2], half))
        assert known.get(4).label == "lid"


def test_a_locked_object_keeps_its_voxels_until_it_is_free(objects, world, parts, union):
    objects.edit(Lock((1,)))
    show(objects, world, parts, [union(parts[0], parts[1]), parts[2]], times=6, stamp_s=2)
    assert bodies(objects)[1] == keys(parts[0])
    objects.edit(Lock((1,), locked=False))
    show(objects, world, parts, [union(parts[0], parts[1]), parts[2]], times=6, stamp_s=20)
    assert keys(*parts[:2]) in bodies(objects).values()


def edit_in_all_ways(objects, parts) -> None:
    objects.edit(Rename(3, "mug"))
    objects.edit(Merge((1, 2)))
    objects.edit(SplitOff(3, parts[2][:40]))
    objects.edit(Delete((1,)))
    objects.edit(Lock((3,)))


def test_all_edits_can_be_undone_newest_first(objects, world, parts):
    before = bodies(objects)
    edit_in_all_ways(objects, parts)
    show(objects, world, parts, times=3, stamp_s=2)
    for expected in ("lock", "delete", "splitoff", "merge"):
        assert expected in objects.edit(Undo()).message
    assert bodies(objects) == before and objects.get(3).label == "mug"
    assert not any(known.prompted for known in objects.confirmed())
    assert objects.edit(Undo()).ids == (3,)
    assert objects.get(3).label == "object"
    with pytest.raises(InputError, match="no edit to undo"):
        objects.edit(Undo())


def test_what_can_be_undone_outlives_save_and_load(objects, world, parts):
    before = bodies(objects)
    edit_in_all_ways(objects, parts)
    scene = show(objects, world, parts, times=3, stamp_s=2)
    objects = reloaded(objects, scene)
    assert "lock" in objects.edit(Undo()).message
    objects = reloaded(objects, scene)
    for expected in ("delete", "splitoff", "merge"):
        assert expected in objects.edit(Undo()).message
    assert bodies(objects) == before and objects.get(3).label == "mug"
    objects.edit(Undo())
    assert objects.get(3).label == "object"
    with pytest.raises(InputError, match="no edit to undo"):
        reloaded(objects, scene).edit(Undo())


def test_a_merged_object_whose_voxels_the_saved_map_lacks_stays_gone(objects, world, parts):
    objects.edit(Merge((1, 2)))
    keep(objects, lambda ids: ~np.isin(ids, parts[1]))
    copy = reloaded(objects, world.scene(parts[0], parts[2]))
    assert copy.edit(Undo()).ids == (1,)
    assert bodies(copy) == {1: keys(parts[0]), 3: keys(parts[2])}


@pytest.mark.parametrize(
    "damage",
    [
        {"undo_name": np.array(["rename", "explode"])},
        {"undo_made": np.array([0])},
        {"undo_made": np.array([0, -1])},
        {"undo_mark_step": np.array([0, 1, 7])},
        {"undo_mark_id": np.array([3, 1, 1])},
        {"undo_mark_id": np.array([3, 1, 5])},
        {"undo_mark_label": np.array(["a\nb", "", ""])},
        {"undo_mark_deleted": np.array([True])},
        {"undo_body_step": np.array([1])},
        {"undo_body_id": np.array([1, 1])},
        {"undo_body_score": np.array([1.0, 2.0])},
        {"undo_body_element_count": np.array([1, 1])},
    ],
)
def test_damaged_histories_are_told_and_nothing_changes(objects, world, parts, damage):
    objects.edit(Rename(3, "mug"))
    objects.edit(Merge((1, 2)))
    before = bodies(objects)
    with pytest.raises(InputError, match=r"damaged|printable"):
        objects.load_arrays({**objects.to_arrays(), **damage}, world.scene(*parts))
    assert bodies(objects) == before
    assert "merge" in objects.edit(Undo()).message


def test_bodies_that_share_voxels_come_back_with_each_voxel_once(objects, world, parts):
    objects.edit(Merge((1, 2)))
    arrays = objects.to_arrays()
    shared = np.tile(np.sort(parts[0]), 2)
    damaged = {**arrays, "undo_body_element_ids": shared}
    objects.load_arrays(damaged, world.scene(*parts))
    assert objects.edit(Undo()).ids == (1,)
    assert bodies(objects) == {1: keys(parts[0]), 3: keys(parts[2])}


def test_files_of_before_have_nothing_to_undo(objects, world, parts):
    objects.edit(Rename(3, "mug"))
    arrays = {k: array for k, array in objects.to_arrays().items() if not k.startswith("undo_")}
    objects.load_arrays(arrays, world.scene(*parts))
    assert objects.get(3).label == "mug"
    with pytest.raises(InputError, match="no edit to undo"):
        objects.edit(Undo())


def test_an_undo_leaves_those_alone_that_wait(world, parts):
    objects = ObjectMap(TrackingSettings(confirm_views=2, sure_score=1.0))
    show(objects, world, parts[:2], times=2)
    show(objects, world, parts, stamp_s=3)
    objects.edit(Rename(1, "seat"))
    assert objects.edit(Undo()).ids == (1,)
    show(objects, world, parts, stamp_s=4)
    assert bodies(objects)[3] == keys(parts[2])


def test_voxels_that_are_gone_stay_gone_in_an_undo(objects, parts):
    objects.edit(Merge((1, 2)))
    keep(objects, lambda ids: ~np.isin(ids, parts[1]))
    assert objects.edit(Undo()).ids == (1,)
    assert bodies(objects) == {1: keys(parts[0]), 3: keys(parts[2])}
    objects.edit(Delete((1,)))
    keep(objects, lambda ids: ~np.isin(ids, parts[0]))
    with pytest.raises(InputError, match="gone"):
        objects.edit(Undo())


def test_only_the_last_edits_are_remembered(objects):
    for number in range(KEPT_EDITS + 1):
        objects.edit(Rename(3, f"name {number}"))
    for _ in range(KEPT_EDITS):
        objects.edit(Undo())
    assert objects.get(3).label == "name 0"
    with pytest.raises(InputError):
        objects.edit(Undo())


@pytest.mark.parametrize(
    ("edit", "error"),
    [
        (lambda: Merge((1,)), InputError),
        (lambda: Merge((1, 1)), InputError),
        (lambda: Merge((1, 9)), UnknownObjectError),
        (lambda: Rename(1, "\n"), InputError),
        (lambda: Delete((1, 9)), UnknownObjectError),
        (lambda: SplitOff(1, np.array([7])), InputError),
    ],
)
def test_edits_that_make_no_sense_change_nothing(objects, edit, error):
    before = bodies(objects)
    with pytest.raises(error):
        objects.edit(edit())
    assert bodies(objects) == before
    with pytest.raises(InputError, match="no edit to undo"):
        objects.edit(Undo())


def test_a_part_must_leave_something(objects, parts):
    with pytest.raises(InputError, match="120 of the 120"):
        objects.edit(SplitOff(3, parts[2]))


def test_loaded_files_of_before_have_no_deleted_objects(objects, world, parts):
    arrays = objects.to_arrays()
    del arrays["deleted"]
    copy = ObjectMap(SETTINGS)
    copy.load_arrays(arrays, world.scene(*parts))
    assert list(bodies(copy)) == [1, 2, 3]
