"""Names from several witnesses, and that they do not flicker."""

from dataclasses import replace

import numpy as np
import pytest

from seg3d_ros.objects.box import Box
from seg3d_ros.objects.embedding import Embedding
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.naming import label_logits, rank_labels
from seg3d_ros.text.known_words import (
    CLASSIFIERS,
    COCO_SPACE,
    IMAGENET_SPACE,
    OF_PICTURES,
    KnownWords,
)
from seg3d_ros.text.vocabulary import Candidate, Vocabulary

LABELS = ["sofa", "cup", "floor", "plant"]
SOFA, CUP = 831, 968  # classes of ImageNet
CUP_OF_COCO = 46


@pytest.fixture
def vocabulary(encoder) -> Vocabulary:
    return Vocabulary(LABELS, encoder=encoder, known_words=KnownWords(encoder))


def thing(encoder, word: str = "", *, classes: dict | None = None, size=(0.6, 0.5, 0.4)):
    """An object on the floor with the embedding of a word, and with pictures of classes."""
    embeddings = {}
    if word:
        embeddings[encoder.name] = Embedding(encoder.encode([word])[0], 1.0)
    if classes:
        shares = np.zeros(CLASSIFIERS[IMAGENET_SPACE][0], np.float32)
        shares[list(classes)] = list(classes.values())
        embeddings[IMAGENET_SPACE] = Embedding(shares / np.linalg.norm(shares), 1.0)
    box = Box(np.array([0.0, 0.0, size[2] / 2]), np.array(size), 0.0)
    points = np.zeros((1, 3), np.float32)
    return MapObject(
        1, np.zeros(1, np.int64), points, box, box.center, 1.0, 0, 0, embeddings=embeddings
    )


def name_of(known: MapObject, vocabulary: Vocabulary, **options) -> str:
    (candidates,) = rank_labels([known], vocabulary, floor=0.0, **options)
    return candidates[0].label if candidates else ""


def test_the_model_alone_counts_where_nothing_else_is_known(encoder) -> None:
    plain = Vocabulary(LABELS, encoder=encoder)
    known = thing(encoder, "cup", classes={SOFA: 1.0})
    logits = label_logits([known], plain, 0.0)[0]
    expected = plain.embeddings @ known.embeddings[encoder.name].vector / encoder.temperature
    np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_pictures_name_what_the_model_does_not(encoder, vocabulary) -> None:
    size = (0.4, 0.3, 0.3)  # neither a cup nor a sofa
    assert name_of(thing(encoder, classes={CUP: 0.9, SOFA: 0.1}, size=size), vocabulary) == "cup"
    assert name_of(thing(encoder, classes={CUP: 0.1, SOFA: 0.9}, size=size), vocabulary) == "sofa"
    assert name_of(thing(encoder), vocabulary) == ""


def test_a_detector_speaks_up_where_it_found_something(encoder, vocabulary) -> None:
    size = (0.4, 0.3, 0.3)
    unsure = thing(encoder, classes={CUP: 0.5, SOFA: 0.5}, size=size)
    (before,) = label_logits([unsure], vocabulary, 0.0)

    def logits_with(**shares: float) -> np.ndarray:
        length, _ = CLASSIFIERS[COCO_SPACE]
        vector = np.zeros(length, np.float32)
        vector[[CUP_OF_COCO, length - 1]] = shares["cup"], shares["nothing"]
        seen = {**unsure.embeddings, COCO_SPACE: Embedding(vector, 1.0)}
        return label_logits([replace(unsure, embeddings=seen)], vocabulary, 0.0)[0]

    nothing = logits_with(cup=0.0, nothing=1.0) - before
    np.testing.assert_allclose(nothing, nothing[0], atol=1e-4)  # alike for all labels
    assert LABELS[(logits_with(cup=0.5, nothing=0.3)).argmax()] == "cup"


def test_the_image_tower_of_the_space_of_the_words_is_a_witness_of_its_own(
    encoder, vocabulary
) -> None:
    known = thing(encoder, "cup")
    picture = Embedding(encoder.encode(["sofa"])[0], 1.0)
    seen = {**known.embeddings, encoder.name + OF_PICTURES: picture}
    logits, without = (
        label_logits([replace(known, embeddings=by_space)], vocabulary, 0.0)[0]
        for by_space in (seen, known.embeddings)
    )
    expected = vocabulary.embeddings @ picture.vector / encoder.temperature
    np.testing.assert_allclose(logits - without, expected, atol=1e-4)


def test_size_decides_where_pictures_do_not(encoder, vocabulary) -> None:
    unsure = {CUP: 0.5, SOFA: 0.5}
    assert name_of(thing(encoder, classes=unsure, size=(1.9, 0.9, 0.8)), vocabulary) == "sofa"
    assert name_of(thing(encoder, classes=unsure, size=(0.1, 0.09, 0.1)), vocabulary) == "cup"


def test_a_floor_is_a_floor_whatever_others_say(encoder, vocabulary) -> None:
    sheet = thing(encoder, "sofa", classes={SOFA: 1.0}, size=(4.0, 3.0, 0.05))
    assert name_of(sheet, vocabulary) == "floor"


def test_a_name_yields_to_a_clearly_better_one_only(encoder, vocabulary) -> None:
    """Evidence that swings to and fro about even renames nothing; new words do at once."""
    names = []
    known = thing(encoder, classes={CUP: 0.52, SOFA: 0.48}, size=(0.4, 0.3, 0.3))
    even = label_logits([known], vocabulary, 0.0)[0]
    gap = even[LABELS.index("sofa")] - even[LABELS.index("cup")]
    first = "sofa" if gap > 0 else "cup"
    balance = np.exp(gap)  # of the shares that makes both as likely
    known = replace(known, candidates=(Candidate(first, 0.6),))
    for swing in (0.8, 1.25) * 5:
        swinging = thing(
            encoder, classes={CUP: 0.52 * balance * swing, SOFA: 0.48}, size=(0.4, 0.3, 0.3)
        )
        swinging = replace(swinging, candidates=known.candidates)
        (candidates,) = rank_labels([swinging], vocabulary, floor=0.0, steady=True)
        known = replace(known, candidates=candidates)
        names.append(candidates[0].label)
    assert set(names) == {first}
    other = {CUP: 1.0} if first == "sofa" else {SOFA: 1.0}
    clear = replace(thing(encoder, classes=other), candidates=known.candidates)
    assert name_of(clear, vocabulary, steady=True) != first
