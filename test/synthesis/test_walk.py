from __future__ import annotations

import numpy as np
import pytest

from seg3d_ros.sensing.transforms import check_rigid
from seg3d_ros.synthesis.walk import random_walk, with_tracking_errors

SIZE = np.array([5.0, 4.0, 2.5])
# A wardrobe and a table.
BOXES = np.array([[(0, 0, 0), (0.7, 2.0, 2.2)], [(2.0, 1.5, 0), (3.5, 2.5, 0.75)]])


@pytest.mark.parametrize("seed", range(12))
def test_cameras_are_upright_and_never_inside_things(seed):
    poses = random_walk(SIZE, BOXES, np.random.default_rng(seed))
    assert 20 <= len(poses) <= 36
    for pose in poses:
        check_rigid(pose, "pose")
        eye = pose[:3, 3]
        assert ((eye > 0) & (eye < SIZE)).all()
        assert not ((BOXES[:, 0] < eye) & (eye < BOXES[:, 1])).all(axis=1).any()
        assert pose[2, 1] < -0.5, "the image's y axis points down"


def test_rooms_are_looked_at_from_low_and_from_high_and_seldom_as_a_whole():
    walks = [random_walk(SIZE, BOXES, np.random.default_rng(seed)) for seed in range(60)]
    heights = [np.mean([pose[2, 3] for pose in walk]) for walk in walks]
    assert min(heights) < 0.7 and max(heights) > 1.5
    turns = [np.degrees(np.arctan2(*np.array(walk)[:, 1::-1, 2].T)) for walk in walks]
    seen = np.array([len(np.unique(np.round(turn / 60) % 6)) for turn in turns])
    assert (seen == 6).any() and (seen <= 4).any()


def test_an_empty_room_and_a_full_one_can_be_walked():
    full = np.array([[(0, 0, 0), SIZE]])
    for boxes in (np.empty((0, 2, 3)), full):
        assert len(random_walk(SIZE, boxes, np.random.default_rng(0))) >= 20


def test_tracking_errors_are_small_and_leave_half_of_the_rooms_alone():
    poses = random_walk(SIZE, BOXES, np.random.default_rng(0))
    moved = [with_tracking_errors(poses, np.random.default_rng(seed)) for seed in range(40)]
    shifts = [np.max([np.linalg.norm(b - a) for a, b in zip(poses, walk)]) for walk in moved]
    assert 8 <= np.sum(np.array(shifts) == 0) <= 32
    assert 0.002 < np.median([shift for shift in shifts if shift]) < 0.03
    for pose in moved[int(np.argmax(shifts))]:
        check_rigid(pose, "pose")
