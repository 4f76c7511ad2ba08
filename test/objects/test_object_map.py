"""The object map in a toy world: identities over growth, loss, merges, splits and bad moments."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seg3d_ros.mapping.voxel_map import NEVER
from seg3d_ros.masks import Masks
from seg3d_ros.objects.embedding import Embedding
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.object_map import ObjectMap, TrackingSettings, UnknownObjectError
from seg3d_ros.objects.point_owners import object_rows
from seg3d_ros.scene import Instances, Scene
from seg3d_ros.sparse.voxel_keys import pack_keys
from seg3d_ros.text.vocabulary import Vocabulary

AT_ONCE = TrackingSettings(confirm_views=1, merge_views=2, forget_after=5.0)


def keep(objects, held):
    """Carve the voxels that are not held; returns how many objects end by that."""
    return objects.follow_map(lambda keys: np.where(held(keys), 0, NEVER))


def vector_of(known: MapObject) -> np.ndarray:
    (embedding,) = known.embeddings.values()
    return embedding.vector


def keys_by_id(objects: ObjectMap) -> dict[int, set[int]]:
    return {known.id: set(known.element_ids.tolist()) for known in objects.confirmed()}


def show(objects, world, parts, masks=None, *, times=1, stamp_s=1.0, **options):
    """Segment a scene of `parts` into `masks` (default: the parts), some times in a row."""
    for number in range(times):
        scene = world.scene(*parts, stamp_s=stamp_s + number)
        instances = world.instances(scene, *(parts if masks is None else masks), **options)
        report = objects.update(scene, instances)
    return report


def test_an_object_is_known_after_confirm_views_segmentations(world) -> None:
    objects = ObjectMap(TrackingSettings(confirm_views=3, sure_score=1.0))
    mug, box = world.block(0), world.block(20)
    assert show(objects, world, [mug, box]).confirmed == 0
    show(objects, world, [mug, box])
    assert objects.confirmed() == ()
    report = show(objects, world, [mug, box], stamp_s=7)
    assert (report.segments, report.matched, report.confirmed) == (2, 2, 2)
    first, second = objects.confirmed()
    assert (first.id, second.id) == (1, 2)
    assert (first.views, first.first_seen_ns, first.last_seen_ns) == (3, 10**9, 7 * 10**9)
    assert {tuple(first.element_ids), tuple(second.element_ids)} == {tuple(mug), tuple(box)}
    assert first.label == "object"


def test_an_object_seen_once_never_gets_an_id(world) -> None:
    objects = ObjectMap(TrackingSettings(confirm_views=2, sure_score=1.0, forget_after=3))
    ghost, box = world.block(0), world.block(20)
    show(objects, world, [ghost, box], times=1)
    show(objects, world, [ghost, box], [box], times=9, stamp_s=2)
    show(objects, world, [ghost, box], [ghost, box], stamp_s=12)
    (known,) = objects.confirmed()
    assert known.id == 1
    assert set(known.element_ids) == set(box)


def test_ids_stay_while_the_map_grows_from_a_glimpse(world) -> None:
    objects = ObjectMap(AT_ONCE)
    sofa = world.block(0, size=(40, 8, 8))
    glimpses = [world.block(0, size=(length, 8, 8)) for length in (4, 20, 40)]
    lamp = world.block(60)
    for number, glimpse in enumerate(glimpses):
        show(objects, world, [glimpse, lamp], stamp_s=number)
        assert len(objects.confirmed()) == 2
    # The first glimpse was a fifth of the second: plain IoU would have lost it.
    assert keys_by_id(objects)[1] in ({*sofa.tolist()}, {*lamp.tolist()})
    assert sorted(map(len, objects.confirmed())) == sorted([len(sofa), len(lamp)])
    assert {known.views for known in objects.confirmed()} == {3}


def test_a_known_small_object_does_not_become_the_table_under_it(world, union) -> None:
    objects = ObjectMap(AT_ONCE)
    table, cup = world.block(0, size=(30, 30, 2)), world.block(10, 10, 2, size=(3, 3, 3))
    show(objects, world, [table, cup], [cup])
    both = union(table, cup)
    show(objects, world, [table, cup], [both], stamp_s=2)
    assert keys_by_id(objects)[1] == set(cup)  # protected: one bad view takes nothing
    assert keys_by_id(objects)[2] == set(table)


def test_only_the_part_in_the_scene_is_compared_and_the_rest_is_kept(world) -> None:
    objects = ObjectMap(AT_ONCE)
    wardrobe = world.block(0, size=(20, 5, 10))
    show(objects, world, [wardrobe])
    seen, changed = world.block(0, size=(5, 5, 10)), world.block(0, size=(5, 5, 8))
    report = show(objects, world, [seen], [changed], stamp_s=2)
    assert report.matched == 1
    hidden = set(wardrobe.tolist()) - set(seen.tolist())
    assert keys_by_id(objects) == {1: hidden | set(changed.tolist())}


def test_an_object_out_of_the_scene_is_kept_however_long(world) -> None:
    objects = ObjectMap(AT_ONCE)
    here, there = world.block(0), world.block(500)
    show(objects, world, [here])
    show(objects, world, [there], times=50, stamp_s=2)
    assert keys_by_id(objects)[1] == set(here)
    show(objects, world, [here], stamp_s=60)
    assert objects.get(1).views == 2


def test_an_object_in_the_scene_is_forgotten_only_after_forget_after(world) -> None:
    objects = ObjectMap(AT_ONCE)
    mug, box = world.block(0), world.block(20)
    show(objects, world, [mug, box], stamp_s=0)
    show(objects, world, [mug, box], [box], times=4, stamp_s=1)
    assert len(objects.confirmed()) == 2
    show(objects, world, [mug, box], stamp_s=5)  # back again: the clock starts anew
    show(objects, world, [mug, box], [box], times=4, stamp_s=6)
    assert len(objects.confirmed()) == 2
    report = show(objects, world, [mug, box], [box], stamp_s=10)
    assert report.forgotten == 1
    assert list(keys_by_id(objects).values()) == [set(box)]


def test_an_empty_segmentation_or_scene_destroys_nothing(world) -> None:
    objects = ObjectMap(AT_ONCE)
    mug = world.block(0)
    show(objects, world, [mug])
    show(objects, world, [mug], [], stamp_s=2)
    show(objects, world, [np.empty(0, np.int64)], [], stamp_s=3)
    assert keys_by_id(objects) == {1: set(mug)}


def test_time_that_jumps_does_not_wipe_the_map(world) -> None:
    objects = ObjectMap(AT_ONCE)
    mug, box = world.block(0), world.block(20)
    show(objects, world, [mug, box], stamp_s=1000)
    show(objects, world, [mug, box], [box], stamp_s=1)  # a bag that starts over
    show(objects, world, [mug, box], [box], stamp_s=5000)  # a long pause
    assert len(objects.confirmed()) == 2
    show(objects, world, [mug, box], stamp_s=2)
    mug_again = objects.get(1)
    assert mug_again.first_seen_ns <= mug_again.last_seen_ns == 2 * 10**9


def test_two_known_objects_merge_only_when_it_repeats(world, union) -> None:
    objects = ObjectMap(TrackingSettings(confirm_views=1, merge_views=3))
    seat, back = world.block(0, size=(10, 10, 5)), world.block(0, 0, 5, size=(10, 3, 8))
    show(objects, world, [seat, back])
    (seat_id,) = (i for i, keys in keys_by_id(objects).items() if keys == set(seat))
    sofa = union(seat, back)
    show(objects, world, [seat, back], [sofa], times=2, stamp_s=2)
    show(objects, world, [seat, back], stamp_s=4)  # the doubt is gone, so is the count
    show(objects, world, [seat, back], [sofa], times=2, stamp_s=5)
    assert sorted(map(len, objects.confirmed())) == sorted([len(seat), len(back)])
    report = show(objects, world, [seat, back], [sofa], stamp_s=7)
    assert report.merged == 1
    assert keys_by_id(objects) == {seat_id: set(sofa)}  # the larger one's id


def test_one_bad_split_takes_nothing_and_a_lasting_one_leaves_the_id_with_the_largest(
    world, union
) -> None:
    objects = ObjectMap(TrackingSettings(confirm_views=2, sure_score=1.0))
    large, small = world.block(0, size=(10, 10, 5)), world.block(10, size=(5, 10, 5))
    whole = union(large, small)
    show(objects, world, [whole], times=2)
    show(objects, world, [whole], [small, large], stamp_s=3)
    assert keys_by_id(objects) == {1: set(whole)}
    show(objects, world, [whole], stamp_s=4)
    show(objects, world, [whole], [small, large], times=2, stamp_s=5)
    assert keys_by_id(objects) == {1: set(large), 2: set(small)}


def test_a_waiting_object_bears_a_miss_but_not_its_place_out_of_sight(world) -> None:
    objects = ObjectMap(TrackingSettings(confirm_views=2, sure_score=1.0, forget_after=5))
    mug, far = world.block(0), world.block(500)
    show(objects, world, [mug], stamp_s=0)
    show(objects, world, [mug], [], stamp_s=1)
    show(objects, world, [mug], stamp_s=2)
    assert keys_by_id(objects) == {1: set(mug)}
    show(objects, world, [far], stamp_s=3)
    show(objects, world, [mug], times=9, stamp_s=4)
    show(objects, world, [far], stamp_s=13)
    assert keys_by_id(objects) == {1: set(mug)}


def test_a_waiting_object_claims_nothing_beyond_the_scene_that_confirms_it(world) -> None:
    objects = ObjectMap(TrackingSettings(confirm_views=2, sure_score=1.0))
    show(objects, world, [world.block(0, size=(10, 5, 5))])
    part = world.block(0, size=(5, 5, 5))
    show(objects, world, [part])
    assert keys_by_id(objects) == {1: set(part)}


def test_an_object_that_is_missed_loses_only_what_a_neighbour_takes(world, union) -> None:
    objects = ObjectMap(TrackingSettings(confirm_views=1, merge_views=2, forget_after=100))
    left, right = world.block(0, size=(10, 5, 5)), world.block(10, size=(10, 5, 5))
    show(objects, world, [left, right], scores=[0.9, 0.8])
    bite = world.block(10, size=(2, 5, 5))
    show(objects, world, [left, right], [union(left, bite)], times=5, stamp_s=2)
    assert keys_by_id(objects) == {1: {*left.tolist(), *bite.tolist()}, 2: set(right) - set(bite)}


def test_what_others_leave_of_an_object_ends_but_a_match_never_does(world) -> None:
    objects = ObjectMap(TrackingSettings(confirm_views=1, match_iou=0.18))
    bench = world.block(0, size=(50, 5, 5))
    show(objects, world, [bench])
    show(objects, world, [bench], [world.block(0, size=(10, 5, 5))], stamp_s=2)
    assert len(objects.get(1)) == 250
    show(objects, world, [bench], stamp_s=3)
    objects.settings = TrackingSettings(confirm_views=1)
    slices = [world.block(10 * i, size=(10, 5, 5)) for i in range(4)]
    report = show(objects, world, [bench], slices, stamp_s=4)
    assert (report.confirmed, report.retired) == (4, 1)
    assert set(keys_by_id(objects)) == {2, 3, 4, 5}


def test_embeddings_decide_where_overlap_does_not(world) -> None:
    objects = ObjectMap(AT_ONCE)
    left, right = world.block(0, size=(8, 5, 5)), world.block(8, size=(8, 5, 5))
    vectors = np.eye(4, dtype=np.float32)[:2]
    show(objects, world, [left, right], embeddings=vectors)
    id_of = {tuple(vector_of(known)): known.id for known in objects.confirmed()}
    # Both new masks overlap both objects alike.
    low, high = (world.block(0, 0, z, size=(16, 5, n)) for z, n in ((0, 2), (3, 2)))
    for order in ([0, 1], [1, 0]):
        show(objects, world, [left, right], [low, high], embeddings=vectors[order], stamp_s=2)
        got = {tuple(np.round(vector_of(known), 3)): known.id for known in objects.confirmed()}
        assert got == id_of
        objects.clear()
        show(objects, world, [left, right], embeddings=vectors)
        id_of = {tuple(vector_of(known)): known.id for known in objects.confirmed()}


def test_the_embedding_is_a_weighted_mean_of_unit_length(world) -> None:
    objects = ObjectMap(AT_ONCE)
    mug = world.block(0)
    first, second = np.eye(2, dtype=np.float32)
    show(objects, world, [mug], embeddings=first[None], scores=[0.9])
    show(objects, world, [mug], embeddings=second[None], scores=[0.3])
    expected = np.array([0.9, 0.3]) / np.hypot(0.9, 0.3)
    np.testing.assert_allclose(vector_of(objects.get(1)), expected, atol=1e-6)
    assert objects.get(1).score == pytest.approx(0.6)


def test_carved_voxels_leave_and_an_emptied_object_ends(world) -> None:
    objects = ObjectMap(AT_ONCE)
    mug, box = world.block(0, size=(10, 5, 5)), world.block(30)
    show(objects, world, [mug, box])
    left = set(world.block(0, size=(4, 5, 5)).tolist())
    alive = left | set(box.tolist())
    assert keep(objects, lambda keys: np.isin(keys, list(alive))) == 0
    mug_now = objects.get(next(i for i, k in keys_by_id(objects).items() if k == left))
    np.testing.assert_allclose(sorted(mug_now.box.size), [4 * 0.05, 5 * 0.05, 5 * 0.05])
    assert keep(objects, lambda keys: np.isin(keys, box)) == 1
    assert list(keys_by_id(objects).values()) == [set(box)]


def test_ids_are_not_used_again(world) -> None:
    objects = ObjectMap(AT_ONCE)
    show(objects, world, [world.block(0), world.block(20)])
    objects.clear()
    assert objects.confirmed() == ()
    show(objects, world, [world.block(0)])
    assert [known.id for known in objects.confirmed()] == [3]


def test_max_objects_drops_the_longest_unseen(world) -> None:
    objects = ObjectMap(TrackingSettings(confirm_views=1, max_objects=3))
    blocks = [world.block(20 * i) for i in range(5)]
    scene = world.scene(blocks[0])
    pinned = objects.add_prompted(scene, np.ones(len(scene), bool), name="mine")
    for number, part in enumerate(blocks[1:]):
        show(objects, world, [part], stamp_s=2 + number)
    assert pinned.id in keys_by_id(objects)
    assert sorted(map(tuple, (k.element_ids for k in objects.confirmed()))) == sorted(
        map(tuple, (blocks[0], blocks[3], blocks[4]))
    )


def test_a_prompted_object_keeps_its_voxels_and_its_name(world, union) -> None:
    objects = ObjectMap(AT_ONCE)
    seat, back = world.block(0, size=(10, 10, 5)), world.block(0, 0, 5, size=(10, 3, 8))
    sofa = union(seat, back)
    show(objects, world, [sofa])
    scene = world.scene(sofa, stamp_s=2)
    made = objects.add_prompted(scene, np.isin(scene.element_ids, back), name=" headrest ")
    assert (made.id, made.label, made.prompted) == (2, "headrest", True)
    assert keys_by_id(objects) == {1: set(seat), 2: set(back)}
    show(objects, world, [sofa], times=20, stamp_s=3)
    show(objects, world, [sofa], [back[::2]], stamp_s=24)
    show(objects, world, [sofa], [], times=20, stamp_s=30)
    assert keys_by_id(objects)[2] == set(back)
    assert objects.get(2).label == "headrest"
    keep(objects, lambda keys: np.isin(keys, seat))
    with pytest.raises(UnknownObjectError, match="no object has id 2"):
        objects.get(2)


@pytest.mark.parametrize(("size", "same"), [(12, True), (9, True), (7, True), (6, False)])
def test_a_click_on_a_known_object_keeps_its_id_label_and_embedding(
    size, same, world, encoder
) -> None:
    """Same object: mask and object share more than half of both. The object has 12 slices."""
    objects = ObjectMap(AT_ONCE)
    objects.relabel(Vocabulary(["chair", "lamp"], encoder=encoder))
    chair, lamp = world.block(0, size=(12, 5, 5)), world.block(40, size=(12, 6, 5))
    show(objects, world, [chair, lamp], embeddings=encoder.encode(["chair", "lamp"]))
    scene = world.scene(chair, lamp, stamp_s=2)
    part = world.block(0, size=(size, 5, 5))
    made = objects.add_prompted(scene, np.isin(scene.element_ids, part))
    assert (made.id == 1, made.label == "chair") == (same, same)
    assert set(made.element_ids) == set(part)
    if same:
        assert set(keys_by_id(objects)) == {1, 2}
        np.testing.assert_array_equal(vector_of(made), encoder.encode(["chair"])[0])
    again = objects.add_prompted(scene, np.isin(scene.element_ids, part), name="stool")
    assert (again.id, again.label) == (made.id, "stool")


def test_a_mask_that_holds_a_known_object_and_more_is_another_object(world, union) -> None:
    objects = ObjectMap(AT_ONCE)
    mug, table = world.block(0), world.block(0, 0, 4, size=(20, 20, 5))
    show(objects, world, [mug])
    scene = world.scene(mug, table, stamp_s=2)
    assert objects.add_prompted(scene, np.ones(len(scene), bool)).id == 2


def test_only_what_is_in_the_scene_says_whether_a_click_means_an_object(world) -> None:
    objects = ObjectMap(AT_ONCE)
    wall = world.block(0, size=(40, 5, 5))
    show(objects, world, [wall])
    near = world.scene(world.block(0, size=(10, 5, 5)), stamp_s=2)
    made = objects.add_prompted(near, np.isin(near.element_ids, world.block(0, size=(8, 5, 5))))
    assert made.id == 1
    kept = set(world.block(10, size=(30, 5, 5))) | set(world.block(0, size=(8, 5, 5)))
    assert set(made.element_ids) == kept


def test_a_click_on_what_waits_for_its_id_takes_its_embedding_over(world, encoder) -> None:
    objects = ObjectMap(TrackingSettings(confirm_views=2, sure_score=1.0))
    objects.relabel(Vocabulary(["chair", "lamp"], encoder=encoder))
    chair = world.block(0)
    show(objects, world, [chair], embeddings=encoder.encode(["chair"]))
    assert objects.confirmed() == ()
    scene = world.scene(chair)
    made = objects.add_prompted(scene, np.ones(len(scene), bool))
    assert (made.id, made.label) == (1, "chair")


def test_opposite_embeddings_leave_a_unit_vector(world) -> None:
    objects = ObjectMap(AT_ONCE)
    mug = world.block(0)
    vector = np.eye(1, 8, dtype=np.float32)
    show(objects, world, [mug], embeddings=vector)
    show(objects, world, [mug], embeddings=-vector, stamp_s=2)
    np.testing.assert_array_equal(vector_of(objects.get(1)), vector[0])


def test_a_segment_that_gets_no_voxel_makes_no_object(world) -> None:
    objects = ObjectMap(TrackingSettings(confirm_views=2, sure_score=1.0))
    bench, end = world.block(0, size=(50, 5, 5)), world.block(0, size=(5, 5, 5))
    scene = world.scene(bench)
    made = objects.add_prompted(scene, np.ones(len(scene), bool), name="bench")
    report = show(objects, world, [bench], [end], times=4)
    assert (report.segments, report.confirmed) == (1, 0)
    assert keys_by_id(objects) == {made.id: set(bench)}


def test_refining_replaces_what_is_in_the_scene_and_keeps_id_and_name(world, union) -> None:
    objects = ObjectMap(AT_ONCE)
    whole, part = world.block(0, size=(12, 5, 5)), world.block(0, size=(6, 5, 5))
    scene = world.scene(whole)
    first = objects.add_prompted(scene, np.ones(len(scene), bool), name="bench")
    near = world.scene(part, world.block(0, 5, size=(2, 2, 2)), stamp_s=2)
    chosen = np.isin(near.element_ids, world.block(0, size=(3, 5, 5)))
    refined = objects.add_prompted(near, chosen, refine_id=first.id, score=0.5)
    hidden = set(whole.tolist()) - set(part.tolist())
    assert (refined.id, refined.label, refined.score) == (first.id, "bench", 0.5)
    assert set(refined.element_ids) == hidden | set(world.block(0, size=(3, 5, 5)).tolist())


def test_bad_prompts_are_refused_and_change_nothing(world) -> None:
    objects = ObjectMap(AT_ONCE)
    scene = world.scene(world.block(0))
    everything = np.ones(len(scene), bool)
    with pytest.raises(ValueError, match="0 points"):
        objects.add_prompted(scene, ~everything)
    with pytest.raises(ValueError, match="shape"):
        objects.add_prompted(scene, everything[:-1])
    with pytest.raises(ValueError, match="control characters"):
        objects.add_prompted(scene, everything, name="a\nb")
    with pytest.raises(UnknownObjectError, match="7"):
        objects.add_prompted(scene, everything, refine_id=7)
    assert objects.confirmed() == ()


def test_masks_of_another_scene_are_refused(world) -> None:
    scene = world.scene(world.block(0))
    with pytest.raises(ValueError, match="masks cover 3 points"):
        ObjectMap().update(
            scene, Instances(Masks.of(np.ones((1, 3), bool)), np.ones(1, np.float32))
        )


def test_a_vocabulary_names_known_and_future_objects(world, encoder) -> None:
    objects = ObjectMap(AT_ONCE)
    mug, lamp, thing = world.block(0), world.block(20), world.block(40)
    vectors = encoder.encode(["mug", "lamp"])
    show(objects, world, [mug, lamp], embeddings=vectors)
    objects.relabel(Vocabulary(["lamp|light", "mug"], templates=["{}"], encoder=encoder))
    labels = {tuple(known.element_ids): known.label for known in objects.confirmed()}
    assert labels == {tuple(mug): "mug", tuple(lamp): "lamp"}
    show(objects, world, [thing], embeddings=encoder.encode(["light"]), stamp_s=2)
    assert objects.get(3).label == "lamp"
    assert sum(p for _, p in objects.get(3).candidates) == pytest.approx(1)
    objects.relabel(None)
    assert {known.label for known in objects.confirmed()} == {"object"}


def test_embeddings_of_another_space_are_not_named(world, encoder) -> None:
    """Though they are as long as those of the words' own space."""
    objects = ObjectMap(AT_ONCE)
    mug = world.block(0)
    show(objects, world, [mug], embeddings=encoder.encode(["mug"]), space="other")
    objects.relabel(Vocabulary(["lamp", "mug"], encoder=encoder))
    assert objects.get(1).label == "object"
    show(objects, world, [mug], embeddings=encoder.encode(["lamp"]), stamp_s=2)
    assert objects.get(1).label == "lamp"
    both = objects.get(1).embeddings
    np.testing.assert_array_equal(both["other"].vector, encoder.encode(["mug"])[0])
    np.testing.assert_array_equal(both[encoder.name].vector, encoder.encode(["lamp"])[0])
    assert (both["other"].views, both[encoder.name].views) == (1, 1)


def test_object_rows_are_its_points_in_any_scene(world) -> None:
    objects = ObjectMap(AT_ONCE)
    mug, box = world.block(0), world.block(20)
    show(objects, world, [mug, box])
    for parts in ([mug, box], [mug[:7], box], [box], [np.empty(0, np.int64)]):
        scene = world.scene(*parts, seed=3)
        for known in objects.confirmed():
            expected = np.flatnonzero(np.isin(scene.element_ids, known.element_ids))
            np.testing.assert_array_equal(object_rows(scene, known), expected)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_whatever_comes_no_voxel_has_two_objects_and_ids_only_grow(data) -> None:
    """Random masks over random parts of a strip, prompts and carving in between."""
    options = {"confirm_views": data.draw(st.integers(1, 3)), "min_object_voxels": 2}
    objects = ObjectMap(TrackingSettings(merge_views=2, forget_after=2.0, **options))
    strip = pack_keys(np.stack([np.arange(40), np.zeros(40), np.zeros(40)], axis=1).astype(int))
    interval = st.tuples(st.integers(0, 39), st.integers(1, 15))
    largest_id = 0
    known_before: set[int] = set()
    for step in range(data.draw(st.integers(1, 8))):
        start, length = data.draw(st.tuples(st.integers(0, 20), st.integers(1, 40)))
        scene = _strip_scene(strip[start : start + length], step)
        chosen = data.draw(st.lists(interval, max_size=6))
        masks = np.zeros((len(chosen), len(scene)), bool)
        for mask, (low, size) in zip(masks, chosen, strict=True):
            mask[low : low + size] = True
        objects.update(scene, Instances(Masks.of(masks), np.full(len(chosen), 0.5, np.float32)))
        if data.draw(st.booleans()):
            objects.add_prompted(scene, np.arange(len(scene)) < data.draw(st.integers(1, 5)))
        if data.draw(st.booleans()):
            gone = data.draw(st.integers(0, 39))
            keep(objects, lambda keys, gone=gone: keys != strip[gone])

        held = [known.element_ids for known in objects.confirmed()]
        for one, other in itertools.combinations(held, 2):
            assert not np.intersect1d(one, other).size
        assert all(len(keys) and np.all(np.diff(keys) > 0) for keys in held)
        ids = {known.id for known in objects.confirmed()}
        assert all(new > largest_id for new in ids - known_before)  # or known again
        largest_id, known_before = max({largest_id, *ids}), known_before | ids


def _strip_scene(keys, stamp_s):
    points = np.zeros((len(keys), 3), np.float32)
    return Scene(points, points, keys, 0.05, stamp_ns=stamp_s * 10**9)


def test_embeddings_of_pictures_join_those_of_segmentations(world, encoder) -> None:
    made = ObjectMap(TrackingSettings(confirm_views=1))
    part = world.block(0)
    scene = world.scene(part)
    vectors = encoder.encode(["mug"])
    made.update(scene, world.instances(scene, part, embeddings=vectors))
    (known,) = made.confirmed()
    first = {"pictures": Embedding(vectors[0], 2.0)}
    made.add_embeddings({known.id: first, 99: first})
    made.add_embeddings({known.id: {"pictures": Embedding(-vectors[0], 1.0)}})
    (seen,) = made.confirmed()
    assert seen.id == known.id
    assert set(seen.embeddings) == {encoder.name, "pictures"}
    assert seen.embeddings["pictures"].views == 2
    np.testing.assert_allclose(seen.embeddings["pictures"].vector, vectors[0], atol=1e-6)
