from __future__ import annotations

import numpy as np

from seg3d_ros.evaluation.audit.truth_map import TruthMap
from seg3d_ros.recordings.truth import NONE


def vote(truth: TruthMap, **labels: int) -> None:
    """Cast one vote a voxel: v10=3 says that voxel 10 is of object 3."""
    ids = np.array([int(name[1:]) for name in labels])
    truth.vote(ids, np.array(list(labels.values()), np.int32))


def test_a_voxel_has_the_label_of_most_points_of_a_frame():
    truth = TruthMap()
    truth.vote(np.array([5, 5, 5, 9]), np.array([2, 2, 1, 4], np.int32))
    assert truth.labels(np.array([9, 5, 7])).tolist() == [4, 2, NONE]


def test_points_without_a_label_do_not_vote():
    truth = TruthMap()
    truth.vote(np.array([5, 5, 6]), np.array([NONE, 3, NONE], np.int32))
    assert truth.labels(np.array([5, 6])).tolist() == [3, NONE]


def test_a_single_wrong_frame_changes_nothing_and_a_few_do():
    truth = TruthMap()
    for _ in range(10):
        vote(truth, v5=1)
    vote(truth, v5=2)
    assert truth.labels(np.array([5])).tolist() == [1]
    for _ in range(3):
        vote(truth, v5=2)
    assert truth.labels(np.array([5])).tolist() == [2]


def test_a_thing_that_was_carried_away_leaves_no_label():
    truth = TruthMap()
    vote(truth, v5=1, v6=2)
    truth.forget(1)
    assert truth.labels(np.array([5, 6])).tolist() == [NONE, 2]
    vote(truth, v5=3)
    assert truth.labels(np.array([5])).tolist() == [3]


def test_an_empty_map_knows_nothing():
    assert TruthMap().labels(np.array([1, 2])).tolist() == [NONE, NONE]
