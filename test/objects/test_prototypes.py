"""Names taught by hand, in a toy world of blocks with looks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seg3d_ros.errors import InputError
from seg3d_ros.objects.edits import Delete, ForgetName, Rename, Undo
from seg3d_ros.objects.embedding import Embedding
from seg3d_ros.objects.object_map import ObjectMap, TrackingSettings
from seg3d_ros.objects.prototypes import learn, likenesses
from seg3d_ros.text.vocabulary import Vocabulary

LOOKS = ("gizmo", "gizmo", "gizmo", "gizmo", "lamp", "chair", "plant", "clock", "mug")
SPACE = "word vectors/v1"


@pytest.fixture
def room(world, encoder):
    """Blocks 1 to 4 look like gizmos, a word that nobody has; 5 to 9 like other things."""
    parts = [world.block(20 * place) for place in range(len(LOOKS))]
    scene = world.scene(*parts)
    noise = np.random.default_rng(0).normal(0, 0.04, (len(LOOKS), encoder.dimension))
    looks = encoder.encode(LOOKS) + noise.astype(np.float32)
    looks /= np.linalg.norm(looks, axis=1, keepdims=True)
    made = ObjectMap(TrackingSettings(confirm_views=1))
    made.relabel(Vocabulary(["lamp", "chair", "plant", "clock", "mug"], encoder=encoder))
    made.update(scene, world.instances(scene, *parts, embeddings=looks))
    return made, scene


def labels(objects: ObjectMap) -> list[str]:
    return [known.label for known in objects.confirmed()]


def teach(objects: ObjectMap, *ids: int) -> None:
    for number in ids:
        objects.edit(Rename(number, "gizmo"))


def test_three_examples_name_the_fourth_and_nothing_else(room):
    objects, _ = room
    teach(objects, 1, 2)
    assert "gizmo" not in (objects.get(3).label, objects.get(4).label)
    assert objects.prototypes() == ()
    teach(objects, 3)
    assert labels(objects)[:4] == ["gizmo"] * 4
    assert labels(objects)[4:] == list(LOOKS[4:])
    (prototype,) = objects.prototypes()
    assert (prototype.name, prototype.examples, list(prototype.kinds)) == ("gizmo", 3, [SPACE])
    fourth = objects.get(4)
    assert fourth.pinned_label is None and fourth.candidates[0].probability > 0.5
    assert sum(candidate.probability for candidate in fourth.candidates) <= 1.001


def test_later_objects_are_named_and_new_words_keep_the_name(room, world, encoder):
    objects, _ = room
    teach(objects, 1, 2, 3)
    objects.relabel(Vocabulary(["tree", "car"], encoder=encoder))
    assert objects.get(4).label == "gizmo"
    new = world.block(400)
    later = world.scene(new, stamp_s=2.0)
    objects.update(later, world.instances(later, new, embeddings=encoder.encode(["gizmo"])))
    assert objects.confirmed()[-1].label == "gizmo"


def test_a_sure_text_outweighs_a_vague_likeness(room, encoder):
    objects, _ = room
    teach(objects, 1, 2, 3)
    (prototype,) = objects.prototypes()
    likeness = likenesses(prototype, objects.confirmed())
    assert likeness[:4].min() > 0.8 and likeness[4:].max() < 0.4


def test_a_name_is_forgotten_until_it_is_given_again(room):
    objects, _ = room
    teach(objects, 1, 2, 3)
    objects.edit(ForgetName("Gizmo"))
    assert objects.prototypes() == () and objects.get(4).label != "gizmo"
    assert labels(objects)[:3] == ["gizmo"] * 3
    objects.edit(Rename(9, "cup"))  # another edit does not bring it back
    assert objects.prototypes() == ()
    objects.edit(Rename(3, "gizmo"))
    assert objects.get(4).label == "gizmo"
    with pytest.raises(InputError, match="those that were: gizmo"):
        objects.edit(ForgetName("widget"))


def test_undo_takes_back_what_it_taught(room):
    objects, _ = room
    teach(objects, 1, 2, 3)
    objects.edit(Undo())
    assert objects.prototypes() == ()
    assert objects.get(4).label != "gizmo" and objects.get(3).label != "gizmo"


def test_prototypes_are_saved_with_the_map(room, encoder):
    objects, scene = room
    teach(objects, 1, 2, 3)
    again = ObjectMap(TrackingSettings(confirm_views=1))
    again.relabel(Vocabulary(["lamp"], encoder=encoder))
    again.load_arrays(objects.to_arrays(), scene)
    assert again.get(4).label == "gizmo"
    again.edit(ForgetName("gizmo"))
    third = ObjectMap(TrackingSettings(confirm_views=1))
    third.load_arrays(again.to_arrays(), scene)
    third.edit(Rename(9, "cup"))
    assert third.prototypes() == ()
    old = {name: value for name, value in objects.to_arrays().items() if "prototype" not in name}
    third.load_arrays(old, scene)
    assert third.prototypes() == ()


@pytest.mark.parametrize(
    "damage",
    [
        {"kind_vectors": np.zeros(3, np.float32)},
        {"kind_length": np.array([5])},
        {"kind_prototype": np.array([7])},
        {"prototype_examples": np.array([1])},
        {"prototype_log_extents": np.full((1, 3), np.nan)},
        {"kind_likeness": np.array([2.0])},
        {"prototype_name": np.array(["a\nb"])},
    ],
)
def test_damaged_prototypes_are_told_and_nothing_changes(room, damage):
    objects, scene = room
    teach(objects, 1, 2, 3)
    with pytest.raises(InputError):
        objects.load_arrays({**objects.to_arrays(), **damage}, scene)
    assert objects.get(4).label == "gizmo" and len(objects.prototypes()) == 1


def test_deleted_examples_do_not_count(room):
    objects, _ = room
    objects.edit(Delete((3,)))
    teach(objects, 1, 2)
    assert objects.prototypes() == ()


def test_examples_without_a_common_space_teach_nothing(room):
    objects, _ = room
    known = list(objects.confirmed()[:3])
    other = {"another": Embedding(np.ones(1, np.float32), 1.0)}
    bare = replace(known[0], embeddings=other)
    assert learn("gizmo", [bare, *known[1:]]) is None
    assert learn("gizmo", known[:2]) is None


def test_another_size_is_less_alike(room, world, encoder):
    objects, _ = room
    teach(objects, 1, 2, 3)
    (prototype,) = objects.prototypes()
    large = world.block(400, size=(24, 20, 16))
    scene = world.scene(large, stamp_s=2.0)
    objects.update(scene, world.instances(scene, large, embeddings=encoder.encode(["gizmo"])))
    likeness = likenesses(prototype, objects.confirmed())
    assert likeness[-1] < likeness[3] - 0.5


def test_a_voxel_more_or_less_is_no_other_size(room, world, encoder):
    objects, _ = room
    teach(objects, 1, 2, 3)
    (prototype,) = objects.prototypes()
    thicker = world.block(400, size=(6, 5, 5))
    scene = world.scene(thicker, stamp_s=2.0)
    objects.update(scene, world.instances(scene, thicker, embeddings=encoder.encode(["gizmo"])))
    assert likenesses(prototype, objects.confirmed())[-1] > 0.9


def test_pictures_in_which_all_look_alike_do_not_blur_the_likeness(room):
    objects, _ = room
    unknown = np.eye(91, dtype=np.float32)[90]  # a detector that knows none of them
    objects.add_embeddings(
        {known.id: {"coco": Embedding(unknown, 1.0)} for known in objects.confirmed()}
    )
    teach(objects, 1, 2, 3)
    (prototype,) = objects.prototypes()
    assert set(prototype.kinds) == {SPACE, "coco"}
    assert likenesses(prototype, objects.confirmed())[:4].min() > 0.8
    assert objects.get(4).label == "gizmo"
