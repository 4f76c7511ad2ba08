"""A jump of stamps counts when the next one confirms it."""

import pytest

from seg3d_ros.sensing.stamp_clock import Change, StampClock

SECOND = 10**9
HOUR = 3600


def follow(*seconds):
    """Changes that each stamp after the first one tells."""
    clock = StampClock(seconds[0] * SECOND)
    return clock, [clock.follow(round(second * SECOND)) for second in seconds[1:]]


def test_stamps_in_line_change_nothing():
    clock, changes = follow(0, 0.1, 0.05, 0.9, 1.8)
    assert set(changes) == {Change.NONE}
    assert clock.newest_ns == 1.8 * SECOND


@pytest.mark.parametrize("wrong", [HOUR, -HOUR])
def test_one_wrong_stamp_is_no_jump(wrong):
    clock, changes = follow(10, 10 + wrong, 10.1, 10 + wrong, 10.2)
    assert Change.WENT_BACK not in changes
    assert clock.newest_ns == 10.2 * SECOND
    assert changes.count(Change.AHEAD_REFUTED) == (2 if wrong > 0 else 0)


def test_a_recording_that_starts_again_went_back_once():
    _, changes = follow(100, 100.1, 0, 0.1, 0.2)
    assert changes == [Change.NONE, Change.NONE, Change.WENT_BACK, Change.NONE]


@pytest.mark.parametrize("period", [5, 60])
def test_rare_stamps_go_forward_and_back(period):
    _, changes = follow(*range(0, 10 * period, period))
    assert set(changes) == {Change.NONE}
    _, changes = follow(*range(0, 10 * period, period), 0, period)
    assert changes[-1] is Change.WENT_BACK


@pytest.mark.parametrize("gap", [1.5, 3, 60])
def test_one_stamp_ahead_between_gaps_is_refuted(gap):
    clock, changes = follow(10, 10.1, 10 + 24 * HOUR, 10 + gap, 10 + gap + 0.2, 10 + gap + 0.4)
    assert changes.count(Change.AHEAD_REFUTED) == 1
    assert clock.newest_ns == round((10 + gap + 0.4) * SECOND)


def test_one_stamp_ahead_among_rare_ones_is_refuted():
    clock, changes = follow(0, 5, 10, 15, 20 + 24 * HOUR, 25, 30, 35)
    assert changes.count(Change.AHEAD_REFUTED) == 1 and Change.WENT_BACK not in changes
    assert 30 * SECOND <= clock.newest_ns <= 35 * SECOND
