"""Store of keyframes: bounded, the least useful go first, the same for the same frames."""

import weakref
from dataclasses import replace

import numpy as np
import pytest
from support import toy_room
from support.toy_frames import SECOND_NS, toy_frame, toy_keyframe
from support.waiting import wait_until

from seg3d_ros.mapping.keyframes.archive import pack_keyframes
from seg3d_ros.mapping.keyframes.settings import ViewSettings
from seg3d_ros.mapping.keyframes.store import KeyframeStore

POSES = [toy_room.looking_at((0, 0, 0.9), (1.0, y, 0.4)) for y in (-2.0, 0.0, 2.0)]


@pytest.fixture
def store():
    return KeyframeStore()


def offer(store: KeyframeStore, *frames) -> list[bool]:
    """Offer frames one after the other; returns which were taken."""
    taken = []
    for frame in frames:
        taken.append(store.offer(frame))
        store.wait()
    return taken


def ids(store: KeyframeStore) -> list[int]:
    return [keyframe.id for keyframe in store.all()]


def test_frames_become_keyframes(store):
    assert offer(store, *map(toy_frame, POSES)) == [True, True, True]
    assert ids(store) == [1, 2, 3] and store.next_id == 4
    assert store.size == sum(keyframe.size for keyframe in store.all())
    assert np.array_equal(store.all()[1].map_from_camera, POSES[1])


def test_a_store_that_nobody_needs_any_more_is_forgotten():
    store = KeyframeStore()
    offer(store, *map(toy_frame, POSES))
    gone = weakref.ref(store)
    del store
    wait_until(lambda: gone() is None, "the end of the store")


def test_what_is_no_picture_is_left_alone(store):
    frame = toy_frame(POSES[0])
    assert offer(store, replace(frame, grid=None)) == [False]
    offer(store, replace(frame, points=frame.points[:, [2, 0, 1]], camera=None))
    assert ids(store) == []


def test_a_keyframe_that_others_replace_goes_unless_it_is_in_use(store):
    old, new = (toy_frame(POSES[0], stamp_ns=n * SECOND_NS) for n in (1, 500))
    offer(store, old, new)
    assert ids(store) == [2]
    store.keep([2])
    offer(store, replace(new, stamp_ns=1000 * SECOND_NS))
    assert ids(store) == [2, 3]


def test_the_bound_holds_and_those_in_use_go_last(store):
    store.settings = ViewSettings(memory=1)
    half = toy_keyframe(POSES[0], color=bytes(400_000))
    keyframes = [replace(half, id=n, map_from_camera=POSES[n - 1]) for n in (1, 2, 3)]
    store.replace(keyframes, 4)
    assert len(ids(store)) == 2 and store.size <= 1_000_000
    store.keep(ids(store)[:1])
    kept = ids(store)[0]
    store.settings = ViewSettings(memory=0)
    assert offer(store, toy_frame(POSES[0])) == [False]
    store.settings = ViewSettings(memory=1)
    store.replace([*store.all(), replace(half, id=9, map_from_camera=POSES[2])], 10)
    assert len(ids(store)) == 2
    assert kept in (1, 2, 3)


def test_ids_go_on_after_clear_and_what_was_seen_is_seen_anew(store):
    offer(store, toy_frame(POSES[0]))
    store.clear()
    assert ids(store) == [] and store.size == 0
    assert offer(store, toy_frame(POSES[0])) == [True]
    assert ids(store) == [2]


def test_a_frame_that_waits_is_not_of_the_map_that_follows(store):
    store.offer(toy_frame(POSES[0]))
    store.clear()
    store.wait()
    assert ids(store) == []


def test_the_same_frames_make_the_same_keyframes():
    stores = KeyframeStore(), KeyframeStore()
    for store in stores:
        offer(store, *map(toy_frame, toy_room.views(6)))
    first, second = (pack_keyframes(store.all(), next_id=store.next_id) for store in stores)
    assert {name: array.tobytes() for name, array in first.items()} == {
        name: array.tobytes() for name, array in second.items()
    }
