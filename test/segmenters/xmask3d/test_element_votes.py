"""Votes of views on map elements, by hand."""

from __future__ import annotations

import numpy as np

from seg3d_ros.scene import Scene
from seg3d_ros.segmenters.xmask3d.element_votes import ElementVotes


def scene(ids, places=None):
    """Elements on a line, 1 m apart or at these places."""
    points = np.zeros((len(ids), 3), np.float32)
    points[:, 0] = np.arange(len(ids)) if places is None else places
    return Scene(points, np.zeros_like(points), np.array(ids, np.int64), 0.02)


def add(votes, ids, labels, features=None):
    given = np.zeros((len(ids), 4)) if features is None else np.array(features)
    votes.add(np.array(ids), np.array(labels), given.astype(np.float32))


def test_most_votes_win_and_the_lowest_of_equals():
    votes = ElementVotes(3, 4)
    add(votes, [70, 10, 40], [2, 1, 0])
    add(votes, [10, 70], [2, 2])
    add(votes, [40, 10], [1, 2])
    found = votes.look_up(scene([10, 40, 70]))
    assert found.labels.tolist() == [2, 0, 2] and found.seen.all()
    found = votes.look_up(scene([70, 10]))  # votes stay with the ids, wherever the rows are
    assert found.labels.tolist() == [2, 2]


def test_what_is_unseen_copies_the_nearest():
    votes = ElementVotes(3, 4)
    assert votes.look_up(scene([1, 2])).labels.tolist() == [-1, -1]
    assert votes.look_up(scene([])).labels.tolist() == []
    add(votes, [5, 6], [2, 1], [[1, 0, 0, 0], [0, 1, 0, 0]])
    found = votes.look_up(scene([5, 6, 7, 8], [0, 10, 9, 1]))
    assert found.labels.tolist() == [2, 1, 1, 2]
    assert found.seen.tolist() == [True, True, False, False]
    np.testing.assert_allclose(votes.mean_features(found.rows[2:]), [0.5, 0.5, 0, 0])


def test_features_are_the_mean_of_the_views():
    votes = ElementVotes(2, 4)
    add(votes, [3], [0], [[1, 0, 0, 0]])
    add(votes, [3], [0], [[0, 1, 0, 0]])
    add(votes, [3], [0], [[0, 0, 0, 1]])
    rows = votes.look_up(scene([3])).rows
    np.testing.assert_allclose(votes.mean_features(rows), [1 / 3, 1 / 3, 0, 1 / 3], atol=1e-3)


def test_any_number_of_elements_and_forgetting():
    votes, random = ElementVotes(7, 4), np.random.default_rng(0)
    ids = random.permutation(10**6)[:5000]
    labels = random.integers(0, 7, 5000)
    for part in np.array_split(np.arange(5000), 9):
        add(votes, ids[part], labels[part])
    assert len(votes) == 5000
    assert (votes.look_up(scene(ids)).labels == labels).all()
    votes.keep(ids[::2])
    assert len(votes) == 2500
    found = votes.look_up(scene(ids))
    assert found.seen.tolist() == ([True, False] * 2500)
    assert (found.labels[::2] == labels[::2]).all()
    add(votes, ids[1::2], labels[1::2])
    assert (votes.look_up(scene(ids)).labels == labels).all()
