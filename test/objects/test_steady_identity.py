"""Identities that outlive bad segmentations: parts and wholes, weak masks, ends in error."""

import numpy as np
import pytest

from seg3d_ros.objects.object_map import ObjectMap, TrackingSettings
from test.objects.test_object_map import keys_by_id, show


@pytest.fixture
def desk(world):
    return world.block(0, size=(20, 10, 2))


@pytest.fixture
def drawers(world):
    return world.block(20, size=(8, 10, 2))


def test_a_weak_mask_becomes_no_object_however_often_it_is_seen(world, desk) -> None:
    objects = ObjectMap(TrackingSettings(confirm_score=0.5))
    show(objects, world, [desk], scores=[0.4], times=6)
    assert not objects.confirmed()
    show(objects, world, [desk], scores=[0.9], times=3, stamp_s=7)
    assert set(keys_by_id(objects)) == {1}


def test_a_sure_mask_is_an_object_at_once(world, desk, drawers) -> None:
    objects = ObjectMap(TrackingSettings(sure_score=0.7))
    show(objects, world, [desk, drawers], scores=[0.9, 0.6])
    assert list(keys_by_id(objects).values()) == [set(desk)]


def test_a_known_whole_does_not_alternate_with_its_parts(world, desk, drawers, union) -> None:
    objects = ObjectMap(TrackingSettings())
    whole = union(desk, drawers)
    for number in range(6):
        better = 0.1 * (number % 2)  # parts and whole are the better masks by turns
        masks = [whole, desk, drawers]
        scores = [0.8, 0.75 + better, 0.75 + better]
        show(objects, world, [whole], masks, scores=scores, stamp_s=number)
        assert keys_by_id(objects) == {1: set(whole)}


@pytest.mark.parametrize("known_length", [10, 18])
def test_an_object_known_in_part_becomes_the_best_mask_of_what_comes_into_view(
    world, known_length: int
) -> None:
    objects = ObjectMap(TrackingSettings())
    sofa = world.block(0, size=(40, 10, 2))
    near, half = world.block(0, size=(known_length, 10, 2)), world.block(0, size=(22, 10, 2))
    loose = world.block(1, size=(39, 10, 2))  # it leaves out some of what is known
    show(objects, world, [near], scores=[0.9])
    show(objects, world, [sofa], [loose, half], scores=[0.75, 0.65], stamp_s=2, times=3)
    (known,) = keys_by_id(objects).values()
    assert len(known) >= len(loose)


RED, BLUE, BLACK = (0.6, 0.1, 0.1), (0.1, 0.1, 0.6), (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("colors", "score", "place", "known"),
    [
        ((RED, RED), 0.65, 0, 1),
        ((RED, BLUE), 0.65, 0, 2),  # it looks different
        ((RED, RED), 0.85, 0, 2),  # it is sure
        ((RED, RED), 0.65, 30, 2),  # it stands elsewhere
        ((BLACK, BLACK), 0.65, 0, 2),  # there are no colours
    ],
)
def test_a_piece_of_a_larger_thing_must_be_sure(world, union, colors, score, place, known) -> None:
    objects = ObjectMap(TrackingSettings())
    floor = world.block(-10, -10, -4, size=(60, 30, 1))
    seat, back = world.block(0, size=(20, 10, 2)), world.block(0, 0, 2, size=(20, 2, 6))
    sofa, arm = union(seat, back), world.block(place, 2, 2, size=(2, 8, 4))
    for number in range(6):
        scene = world.scene(floor, sofa, arm, stamp_s=number)
        for part, color in zip((sofa, arm), colors, strict=True):
            scene.colors[np.isin(scene.element_ids, part)] = color
        objects.update(scene, world.instances(scene, sofa, arm, scores=[0.9, score]))
    assert len(objects.confirmed()) == known


def test_a_worse_mask_takes_nothing_and_a_good_one_redraws_the_object(world, desk) -> None:
    objects = ObjectMap(TrackingSettings())
    part = world.block(0, size=(12, 10, 2))
    show(objects, world, [desk], scores=[0.9])
    show(objects, world, [desk], [part], scores=[0.6], stamp_s=2)
    assert keys_by_id(objects) == {1: set(desk)}
    show(objects, world, [desk], [part], scores=[0.9], stamp_s=3)
    assert keys_by_id(objects) == {1: set(part)}


def test_an_object_that_merged_in_error_has_its_id_again(world, desk, drawers, union) -> None:
    objects = ObjectMap(TrackingSettings(merge_views=2))
    both = union(desk, drawers)
    show(objects, world, [desk, drawers])
    before = keys_by_id(objects)
    show(objects, world, [both], [both], scores=[0.95], times=3, stamp_s=2)
    assert len(objects.confirmed()) == 1
    show(objects, world, [desk, drawers], scores=[0.95, 0.95], times=2, stamp_s=5)
    assert keys_by_id(objects) == before
    assert [(e.kind.name, e.id) for e in objects.events()][2:] == [("MERGED", 2), ("APPEARED", 2)]


def test_an_object_that_was_forgotten_has_its_id_again(world, desk, drawers) -> None:
    objects = ObjectMap(TrackingSettings(forget_after=2.0))
    show(objects, world, [desk, drawers])
    show(objects, world, [desk, drawers], [desk], times=5, stamp_s=2)
    assert set(keys_by_id(objects)) == {1}
    show(objects, world, [desk, drawers], stamp_s=8)
    assert {number: len(keys) for number, keys in keys_by_id(objects).items()} == {1: 400, 2: 160}
    np.testing.assert_array_equal(objects.get(2).element_ids, np.sort(drawers))
