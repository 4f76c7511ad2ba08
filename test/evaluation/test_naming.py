from __future__ import annotations

import numpy as np
import pytest
from support.word_vectors import WordVectors

from seg3d_ros.evaluation.naming import NOT_FOUND, Labels, name_ranks
from seg3d_ros.evaluation.overlaps import NO_CLASS, overlaps_of, true_regions
from seg3d_ros.masks import Masks

NAMES = ("chair", "table", "lamp")


def labels(*entries):
    return Labels(entries, NAMES, load=lambda _: WordVectors())


def test_labels_are_matched_with_classes_by_their_first_word():
    found = labels("lamp|light", "zebra", "-chair", "table")
    assert found.classes.tolist() == [2, NO_CLASS, 0, 1]


def test_words_are_nearest_to_their_own_label():
    found = labels("lamp|light", "zebra", "-chair", "table")
    encoder = WordVectors()
    words = encoder.encode(["a light", "chair", "zebra", "table"])
    similarities = found.similarities(words, encoder.name)
    assert found.classes[similarities.argmax(axis=1)].tolist() == [2, 0, NO_CLASS, 1]
    with pytest.raises(ValueError, match="embeddings of 7 numbers, but word vectors/v1 has 32"):
        found.similarities(np.ones((1, 7), np.float32), encoder.name)


def test_background_is_refused():
    with pytest.raises(ValueError, match="'background' is no label to evaluate"):
        labels(*NAMES, "background")


def test_a_class_without_label_is_refused():
    with pytest.raises(ValueError, match="no label for lamp"):
        labels("chair", "table", "light|lamp")


def test_ranks_count_the_labels_that_are_nearer():
    found = labels("lamp", "zebra", "chair", "table")  # classes 2, none, 0, 1
    similarities = np.array([[0.9, 0.8, 0.1, 0.2], [0.9, 0.8, 0.1, 0.2], [0.5, 0.5, 0.5, 0.5]])
    assert found.ranks(similarities, np.array([2, 0, 1])).tolist() == [0, 3, 0]


def test_instances_take_the_name_of_the_mask_that_fits_best():
    segment = np.repeat([0, 1, 2], 10)
    regions = true_regions(segment, segment, min_points=5)
    masks = np.zeros((3, 30), bool)
    masks[0, 0:9] = masks[1, 0:10] = masks[2, 10:15] = True  # the table has no more than IoU 0.5
    overlaps = overlaps_of(Masks.of(masks), np.array([0.9, 0.1, 0.5]), np.zeros(3, int), regions)
    similarities = np.array([[0.9, 0.1, 0.2], [0.3, 0.5, 0.4], [0.0, 1.0, 0.0]])
    ranks = name_ranks(overlaps, similarities, labels(*NAMES))
    assert ranks.tolist() == [2, NOT_FOUND, NOT_FOUND]
    none = overlaps_of(Masks.of(masks[:0]), np.zeros(0), np.zeros(0, int), regions)
    assert name_ranks(none, similarities[:0], labels(*NAMES)).tolist() == [NOT_FOUND] * 3
