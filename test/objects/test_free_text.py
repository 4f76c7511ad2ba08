"""Likeness of objects and free text."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seg3d_ros.objects.box import Box
from seg3d_ros.objects.embedding import Embedding
from seg3d_ros.objects.free_text import text_likeness
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.text.vocabulary import Candidate, Vocabulary


@pytest.fixture
def vocabulary(encoder) -> Vocabulary:
    return Vocabulary(["sofa", "cup", "-wall"], encoder=encoder)


@pytest.fixture
def known() -> MapObject:
    box = Box(np.zeros(3), np.ones(3), 0.0)
    points = np.zeros((1, 3), np.float32)
    return MapObject(1, np.zeros(1, np.int64), points, box, box.center, 1.0, 0, 0)


def cosine(encoder, vocabulary, label: str, text: str) -> float:
    row = vocabulary.labels.index(label)
    return float(vocabulary.embeddings[row] @ encoder.encode([text])[0])


def test_names_count_by_their_probabilities(encoder, vocabulary, known) -> None:
    named = replace(known, candidates=(Candidate("cup", 0.6), Candidate("sofa", 0.2)))
    expected = (
        0.6 * cosine(encoder, vocabulary, "cup", "a mug")
        + 0.2 * cosine(encoder, vocabulary, "sofa", "a mug")
    ) / 0.8
    assert text_likeness([named], "a mug", vocabulary) == [pytest.approx(expected, abs=1e-6)]


def test_what_the_model_saw_counts_as_much_as_the_names(encoder, vocabulary, known) -> None:
    vector = encoder.encode(["lamp"])[0]
    seen = replace(known, embeddings={encoder.name: Embedding(vector, 1.0)})
    both = replace(seen, candidates=(Candidate("cup", 1.0),))
    by_model = float(vector @ encoder.encode(["lamp"])[0])
    by_name = cosine(encoder, vocabulary, "cup", "lamp")
    found = text_likeness([seen, both, known], "lamp", vocabulary)
    assert found[:2] == [
        pytest.approx(by_model),
        pytest.approx((by_model + by_name) / 2, abs=1e-6),
    ]
    assert found[2] is None


def test_a_name_given_by_hand_stands_for_all_others(encoder, vocabulary, known) -> None:
    given = replace(known, pinned_label="guitar", candidates=(Candidate("sofa", 1.0),))
    (found,) = text_likeness([given], "guitar", vocabulary)
    assert found == pytest.approx(1.0, abs=1e-6)
