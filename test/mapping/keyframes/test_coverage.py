"""Choice of keyframes: new places and directions count, time alone does not."""

from dataclasses import replace

import numpy as np
import pytest
from support import toy_room
from support.toy_frames import SECOND_NS, toy_frame, toy_keyframe

from seg3d_ros.mapping.keyframes.coverage import Coverage
from seg3d_ros.scene import Frame

POSE = toy_room.looking_at((-0.9, -0.4, 0.9), (1.0, -0.4, 0.25))
NOISE = np.random.default_rng(0).integers(0, 256, (240 * 320, 3)).astype(np.uint8)


class Chooser:
    """Takes every frame that is worth it."""

    def __init__(self):
        self.coverage = Coverage()
        self.taken = 0

    def __call__(self, frame: Frame) -> bool:
        candidate = self.coverage.examine(frame)
        if candidate is None:
            return False
        self.taken += 1
        self.coverage.take(self.taken, candidate, frame.stamp_ns)
        return True


@pytest.fixture
def choose():
    return Chooser()


def test_a_camera_that_stands_still_is_taken_once(choose):
    assert [choose(toy_frame(POSE, stamp_ns=n * SECOND_NS)) for n in range(1, 5)] == [
        True, False, False, False,
    ]  # fmt: skip


def test_what_was_seen_long_ago_is_seen_anew_and_the_old_picture_is_of_no_use(choose):
    assert choose(toy_frame(POSE))
    assert choose(toy_frame(POSE, stamp_ns=200 * SECOND_NS))
    assert choose.coverage.usefulness(1) == 0 < choose.coverage.usefulness(2)


def test_a_turn_shows_new_places(choose):
    def turned(y: float) -> Frame:
        return toy_frame(toy_room.looking_at((0, 0, 0.9), (1.0, y, 0.4)))

    taken = [choose(turned(y)) for y in np.linspace(0, 2, 41)]
    assert taken[0] and 2 <= sum(taken) <= 5
    assert not choose(turned(0.05))


def test_another_side_of_the_same_place_is_new(choose):
    assert choose(toy_frame(toy_room.looking_at((0.0, 0.3, 0.9), (1.0, 0.3, 0.2))))
    assert choose(toy_frame(toy_room.looking_at((1.9, 0.3, 0.9), (1.0, 0.3, 0.2))))


def test_a_sharp_picture_follows_a_blurred_one_but_not_the_other_way_round(choose):
    frame = toy_frame(POSE)
    sharp = replace(frame, colors=NOISE)
    kernel = np.convolve(np.ones(31), np.ones(31)) / 31**2
    smooth = np.apply_along_axis(np.convolve, 0, NOISE, kernel, "same")
    blurred = replace(frame, colors=smooth.astype(np.uint8))
    assert choose(blurred) and choose(sharp)
    assert choose.coverage.usefulness(1) == 0
    assert not choose(blurred)


def test_what_was_dropped_is_unseen_again(choose):
    assert choose(toy_frame(POSE))
    choose.coverage.drop(1)
    assert choose(toy_frame(POSE))


def test_a_frame_with_little_depth_is_left_out(choose):
    frame = toy_frame(POSE)
    points = frame.points.copy()
    points[15_000:] = np.nan
    assert not choose(replace(frame, points=points))


def test_a_keyframe_of_a_file_covers_about_what_its_frame_did(choose):
    choose.coverage.take_known(toy_keyframe(POSE, 1))
    assert not choose(toy_frame(POSE))
