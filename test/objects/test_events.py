"""Events and carried things in a toy world."""

from __future__ import annotations

import numpy as np
import pytest

from seg3d_ros.mapping.voxel_map import NEVER
from seg3d_ros.objects.edits import Delete, Merge, Rename, SplitOff
from seg3d_ros.objects.events import KEPT_EVENTS, EventKind, Provenance
from seg3d_ros.objects.object_map import ObjectMap, TrackingSettings
from seg3d_ros.text.vocabulary import Vocabulary

SETTINGS = TrackingSettings(confirm_views=1, merge_views=2, forget_after=5.0)
SECOND = 10**9


class Room:
    """Objects that follow scenes of blocks; each block was measured at a time of its own."""

    def __init__(self, world, settings=SETTINGS) -> None:
        self.world = world
        self.objects = ObjectMap(settings)
        self.measured: dict[int, int] = {}
        self.time_s = 0

    def look(self, *seen, stay=(), masks=None, times=1, **options):
        """Measure the `seen` blocks now; those that `stay` are in the map from before."""
        for _ in range(times):
            self.time_s += 1
            parts = [*seen, *stay]
            for key in np.concatenate([np.empty(0, int), *seen]).tolist():
                self.measured[key] = self.time_s * SECOND
            scene = self.world.scene(*parts, stamp_s=self.time_s)
            found = self.world.instances(scene, *(parts if masks is None else masks), **options)
            self.objects.update(scene, found)
            held = set(scene.element_ids.tolist())
            self.objects.follow_map(
                lambda ids, held=held: np.array(
                    [self.measured[key] if key in held else NEVER for key in ids.tolist()]
                )
            )
        return scene

    def told(self, start=0):
        """(kind, id, other id) of the events from number `start` on."""
        return [(e.kind.name, e.id, e.other_id) for e in self.objects.events()[start:]]


@pytest.fixture
def room(world):
    return Room(world)


@pytest.fixture
def mug(world):
    return world.block(0)


@pytest.fixture
def table(world):
    return world.block(100, size=(20, 20, 2))


def test_objects_appear_and_go(room, mug, table):
    room.look(mug, table)
    room.look(table)
    assert room.told() == [("APPEARED", 1, 0), ("APPEARED", 2, 0), ("GONE", 1, 0)]
    gone = room.objects.events()[-1]
    assert (gone.stamp_ns, gone.provenance) == (2 * SECOND, Provenance.SEEN)
    assert gone.sentence() == "object 1 (object) gone"


@pytest.mark.parametrize("old_place_first", [True, False])
def test_a_carried_thing_keeps_its_id(room, world, mug, table, old_place_first):
    room.look(mug, table, times=3)
    there = world.block(50, 7)
    if old_place_first:
        room.look(table, times=2)
        room.look(there, table)
    else:
        room.look(there, stay=[mug, table], times=2)
        room.look(there, table)
    assert {known.id for known in room.objects.confirmed()} == {1, 2}
    moved = room.objects.get(1)
    np.testing.assert_array_equal(moved.element_ids, there)
    assert moved.first_seen_ns == SECOND
    event = room.objects.events()[-1]
    assert (event.kind, event.id, event.other_id) == (EventKind.MOVED, 1, 3)
    np.testing.assert_allclose(np.subtract(event.end, event.start), (2.5, 0.35, 0), atol=1e-5)
    room.look(there, table, times=3)
    assert room.objects.events()[-1] is event


def test_a_thing_that_is_carved_away_bit_by_bit_is_gone_in_the_end(room, world, mug, table):
    room.look(mug, table, times=3)
    for size in (100, 70, 45):
        room.look(mug[:size], table)
        assert len(room.objects.get(1)) == size
    room.look(mug[:30], table)
    assert ("GONE", 1, 0) in room.told()
    room.look(world.block(50), mug[:30], table)
    assert ("MOVED", 1) in [event[:2] for event in room.told()]


def test_a_thing_that_is_carved_and_seen_again_stays(room, mug, table):
    room.look(mug, table, times=3)
    for _ in range(6):
        room.look(mug[:70], table)
        room.look(mug, table)
    assert room.told() == [("APPEARED", 1, 0), ("APPEARED", 2, 0)]


def test_a_thing_that_half_left_is_recognised_elsewhere(room, world, mug, table):
    room.look(mug, table, times=3)
    hidden = mug[:80]  # the camera has seen that the other third is gone
    room.look(table, stay=[hidden])
    room.look(world.block(50), table, stay=[hidden])
    assert room.told()[-1] == ("MOVED", 1, 3)
    np.testing.assert_array_equal(room.objects.get(1).element_ids, world.block(50))
    assert {known.id for known in room.objects.confirmed()} == {1, 2}


def test_a_twin_beside_a_thing_that_is_whole_is_another_one(room, world, mug, table):
    room.look(mug, table, times=3)
    room.look(world.block(50), mug[:110], table)
    assert room.told()[-1] == ("APPEARED", 3, 0)


def test_what_a_thing_stood_on_does_not_stand_for_it(room, world, mug, table):
    room.look(mug, table, times=3)
    foot, hidden = mug[:15], mug[15:100]  # the foot is measured again with the table
    room.look(
        foot, world.block(50), table, stay=[hidden], masks=[mug[:100], world.block(50), table]
    )
    assert room.told()[-1] == ("MOVED", 1, 3)


def test_a_twin_that_was_there_all_the_time_does_not_steal_the_id(room, world, mug, table):
    twin, there = world.block(20), world.block(50)
    room.look(mug, twin, table, times=3)
    room.look(twin, table, times=2)
    assert room.told()[-1] == ("GONE", 1, 0), "the twin was known together with it"
    room.look(twin, there, table)
    ids = {known.id: known.element_ids for known in room.objects.confirmed()}
    np.testing.assert_array_equal(ids[1], there)
    np.testing.assert_array_equal(ids[2], twin)


def test_a_thing_of_another_size_is_another_thing(room, world, mug, table):
    room.look(mug, table, times=3)
    room.look(table, times=2)
    room.look(world.block(50, size=(30, 30, 14)), table)
    assert room.told()[-2:] == [("GONE", 1, 0), ("APPEARED", 3, 0)]


def test_a_thing_of_another_meaning_is_another_thing(room, world, encoder, mug, table):
    cat, chair = encoder.encode(["cat", "chair"])
    room.look(mug, table, times=3, embeddings=np.stack([cat, chair]))
    room.look(table, times=2, embeddings=chair[None])
    room.look(world.block(50), table, embeddings=np.stack([-cat, chair]))
    assert {known.id for known in room.objects.confirmed()} == {2, 3}


def test_two_carried_things_are_told_apart_by_size(room, world, mug, table):
    box = world.block(30, size=(12, 12, 9))
    room.look(mug, box, table, times=3)
    room.look(table, times=2)
    new_box, new_mug = world.block(60, 40, size=(12, 12, 9)), world.block(0, 40)
    room.look(new_box, new_mug, table)
    found = {known.id: known.element_ids for known in room.objects.confirmed()}
    np.testing.assert_array_equal(found[1], new_mug)
    np.testing.assert_array_equal(found[2], new_box)


def test_merges_say_into_what(room, world, mug, union):
    beside = world.block(6)
    room.look(mug, beside, times=2)
    whole = union(mug, beside)
    room.look(mug, beside, masks=[whole], times=4)
    kind, part, into = room.told()[-1]
    (left,) = room.objects.confirmed()
    assert (kind, into) == ("MERGED", left.id) and {part, into} == {1, 2}


def test_another_label_is_told_but_not_for_new_words(room, encoder, mug):
    room.objects.relabel(Vocabulary(["cat", "chair"], encoder=encoder))
    cat, chair = encoder.encode(["cat", "chair"])
    room.look(mug, times=2, embeddings=cat[None])
    room.objects.relabel(Vocabulary(["chair"], encoder=encoder))
    room.objects.relabel(Vocabulary(["cat", "chair"], encoder=encoder))
    assert room.told() == [("APPEARED", 1, 0)]
    room.look(mug, times=9, embeddings=chair[None])
    assert room.told()[1:] == [("RELABELLED", 1, 0)]
    assert room.objects.events()[-1].text == "called 'chair' in place of 'cat'"


def test_edits_are_events_by_hand(room, world, mug, table):
    beside = world.block(6)
    room.look(mug, beside, table)
    count = len(room.objects.events())
    room.objects.edit(Rename(3, "desk"))
    room.objects.edit(Merge((1, 2)))
    room.objects.edit(SplitOff(1, beside))
    room.objects.edit(Delete((3,)))
    assert room.told(count) == [
        ("EDITED", 3, 0),
        ("MERGED", 2, 1),
        ("SPLIT", 4, 1),
        ("GONE", 3, 0),
    ]
    by_hand = room.objects.events()[count:]
    assert {event.provenance for event in by_hand} == {Provenance.BY_HAND}


def test_the_log_and_what_is_restored_survive_a_file(room, world, mug, table):
    scene = room.look(mug, table, times=2)
    room.objects.edit(Rename(1, "mug"))
    told = room.objects.events()
    loaded = Room(world)
    loaded.objects.load_arrays(room.objects.to_arrays(), scene)
    loaded.measured, loaded.time_s = dict(room.measured), room.time_s
    assert loaded.objects.events()[: len(told)] == told
    restored = loaded.objects.events()[len(told) :]
    assert [(e.kind.name, e.id, e.provenance.name) for e in restored] == [
        ("APPEARED", 1, "RESTORED"),
        ("APPEARED", 2, "RESTORED"),
    ]
    assert all(known.restored for known in loaded.objects.confirmed())
    loaded.look(table, stay=[mug])
    assert [known.restored for known in loaded.objects.confirmed()] == [True, False]
    loaded.look(table)
    assert loaded.told()[-1] == ("GONE", 1, 0), "its place was seen empty"


def test_a_restored_thing_that_was_carried_keeps_its_id(room, world, mug, table):
    scene = room.look(mug, table, times=2)
    loaded = Room(world)
    loaded.objects.load_arrays(room.objects.to_arrays(), scene)
    loaded.measured, loaded.time_s = dict(room.measured), room.time_s
    loaded.look(table, stay=[mug])  # segmented here once, which tells how it looks
    loaded.look(table)
    loaded.look(world.block(50), table)
    assert loaded.told()[-1] == ("MOVED", 1, 3)


def test_the_log_is_bounded(room, mug):
    room.look(mug)
    for number in range(KEPT_EVENTS + 5):
        room.objects.edit(Rename(1, f"name {number}"))
    assert len(room.objects.events()) == KEPT_EVENTS
    assert "name 104" in room.objects.events()[-1].text


@pytest.mark.parametrize(
    "damage",
    [
        lambda a: a.__setitem__("event_kind", np.array([99, 99])),
        lambda a: a.__setitem__("event_id", np.array([1])),
        lambda a: a.pop("event_label"),
        lambda a: a.__setitem__("event_start", np.zeros(5)),
    ],
)
def test_damaged_logs_are_refused(room, mug, table, damage):
    scene = room.look(mug, table)
    arrays = room.objects.to_arrays()
    damage(arrays)
    with pytest.raises(ValueError, match="events are damaged"):
        ObjectMap(SETTINGS).load_arrays(arrays, scene)
