"""Words that witnesses know: the tables, and what they say of labels."""

import numpy as np
import pytest

from seg3d_ros.text.cache import EmbeddingCache
from seg3d_ros.text.known_words import (
    CLASSIFIERS,
    COCO_SPACE,
    IMAGENET_SPACE,
    STRUCTURE,
    KnownWords,
    class_words,
    typical_sizes,
)
from seg3d_ros.text.vocabulary import Vocabulary

LABELS = ["potted plant|plant", "sofa", "floor", "gizmo"]


@pytest.fixture
def knowledge(encoder):
    return Vocabulary(LABELS, encoder=encoder, known_words=KnownWords(encoder)).knowledge


def test_the_tables_are_sound() -> None:
    for space, (length, _) in CLASSIFIERS.items():
        assert min(class_words(space)) >= 0 and max(class_words(space)) < length
    classes = class_words(IMAGENET_SPACE)
    assert classes[831] == ("sofa", "couch")
    assert classes[924] == classes[932]  # a range
    rows = typical_sizes()
    assert len({row.name for row in rows}) == len(rows)
    for row in rows:
        length, width, height = row.extents
        assert 0 < width <= length <= 4 and 0 < height <= 2.5, row
        assert 0 <= row.bottom[0] <= row.bottom[1] <= 3, row


def test_a_class_speaks_for_the_label_of_its_word(knowledge) -> None:
    imagenet, coco = (knowledge.pictures[space] for space in (IMAGENET_SPACE, COCO_SPACE))
    for known in (imagenet, coco):
        np.testing.assert_allclose(known.shares.sum(axis=1), 1, rtol=1e-5)
    row = {int(number): row for row, number in enumerate(imagenet.classes)}
    assert imagenet.shares[row[831]].argmax() == 1  # sofa
    assert imagenet.shares[row[738]].argmax() == 0  # potted plant


def test_what_may_be_anything_speaks_for_no_label(knowledge) -> None:
    coco = knowledge.pictures[COCO_SPACE]
    np.testing.assert_allclose(coco.shares[coco.classes == 90], 1 / len(LABELS))


def test_a_class_speaks_for_a_label_by_any_of_its_synonyms(encoder) -> None:
    labels = ["plant|indoor plant|green thing", "flower pot|planter"]
    found = Vocabulary(labels, encoder=encoder, known_words=KnownWords(encoder)).knowledge
    known = found.pictures[IMAGENET_SPACE]
    flower_pot = known.shares[known.classes.tolist().index(738)]
    np.testing.assert_allclose(flower_pot, 0.5, atol=1e-6)  # both words are the class's own


def test_a_label_has_the_size_of_its_word_and_an_unknown_one_of_none(knowledge) -> None:
    np.testing.assert_allclose(knowledge.size_shares.sum(axis=0), 1, rtol=1e-5)
    names = [row.name for row in typical_sizes()]
    best = knowledge.size_shares.argmax(axis=0)
    assert names[best[1]] == "sofa"
    assert names[best[2]] == "floor"
    assert best[3] == len(names)


def test_common_things_are_more_likely_and_structure_is_found(knowledge) -> None:
    assert knowledge.commonness[2] > knowledge.commonness[3]  # the floor against a gizmo
    assert knowledge.structure == tuple(2 if word == "floor" else -1 for word in STRUCTURE)


def test_embeddings_of_the_words_are_remembered(encoder, tmp_path) -> None:
    labels = [["sofa"]]
    KnownWords(encoder, EmbeddingCache(tmp_path)).about(labels)
    encoder.encoded.clear()
    KnownWords(encoder, EmbeddingCache(tmp_path)).about(labels)
    assert encoder.encoded == []
