"""Transform buffer as tf2 has it: interpolation, trees, and errors instead of guesses."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg3d_ros.sensing import transform_buffer, transform_history
from seg3d_ros.sensing.transform_buffer import (
    ExtrapolationError,
    NotConnectedError,
    TransformBuffer,
    UnknownFrameError,
)
from seg3d_ros.sensing.transforms import invert, matrix_from_pose

SECOND = 10**9


def shift(x, y=0.0, z=0.0):
    return matrix_from_pose((x, y, z), (0, 0, 0, 1))


def turn(angle, x=0.0):
    return matrix_from_pose((x, 0, 0), (0, 0, np.sin(angle / 2), np.cos(angle / 2)))


@pytest.fixture
def robot():
    """map → odom → base at 0 s and 1 s, base → camera static."""
    buffer = TransformBuffer()
    for second in (0, 1):
        buffer.set_transform("map", "odom", second * SECOND, shift(0, 10 * second))
        buffer.set_transform("odom", "base", second * SECOND, turn(second, 2.0 * second))
    buffer.set_transform("base", "camera", 0, shift(0, 0, 0.5), static=True)
    return buffer


def test_samples_come_back_as_they_were(robot):
    np.testing.assert_array_equal(robot.lookup("odom", "base", SECOND), turn(1, 2.0))


def test_between_samples_it_interpolates(robot):
    halfway = robot.lookup("odom", "base", SECOND // 2)
    np.testing.assert_allclose(halfway, turn(0.5, 1.0), atol=1e-12)


def test_a_chain_is_the_product_of_its_links(robot):
    expected = shift(0, 10) @ turn(1, 2.0) @ shift(0, 0, 0.5)
    np.testing.assert_allclose(robot.lookup("map", "camera", SECOND), expected, atol=1e-12)
    np.testing.assert_allclose(robot.lookup("camera", "map", SECOND), invert(expected), atol=1e-12)


def test_branches_meet_at_their_common_ancestor(robot):
    robot.set_transform("base", "lidar", 0, shift(1), static=True)
    found = robot.lookup("lidar", "camera", 77 * SECOND)  # what moves lies above both
    np.testing.assert_allclose(found, shift(-1, 0, 0.5))


def test_a_frame_from_itself_is_identity_if_it_is_known(robot):
    np.testing.assert_array_equal(robot.lookup("base", "base", 99 * SECOND), np.eye(4))
    with pytest.raises(UnknownFrameError):
        robot.lookup("arm", "arm", 0)


def test_static_transforms_hold_at_all_times(robot):
    for stamp_ns in (-5 * SECOND, 0, 10**18):
        np.testing.assert_array_equal(robot.lookup("base", "camera", stamp_ns), shift(0, 0, 0.5))


def test_the_last_static_transform_counts_whatever_its_stamp(robot):
    robot.set_transform("base", "camera", -SECOND, shift(3), static=True)
    np.testing.assert_array_equal(robot.lookup("base", "camera", 0), shift(3))


def test_beyond_the_samples_it_never_guesses(robot):
    with pytest.raises(ExtrapolationError, match="'map' from 'camera'") as future:
        robot.lookup("map", "camera", SECOND + 1)
    assert (future.value.newest_ns, future.value.is_past) == (SECOND, False)
    with pytest.raises(ExtrapolationError) as past:
        robot.lookup("map", "camera", -1)
    assert past.value.is_past


def test_a_single_moving_sample_holds_at_its_time_only():
    buffer = TransformBuffer()
    buffer.set_transform("a", "b", SECOND, shift(1))
    np.testing.assert_array_equal(buffer.lookup("a", "b", SECOND), shift(1))
    for stamp_ns in (SECOND - 1, SECOND + 1):
        with pytest.raises(ExtrapolationError):
            buffer.lookup("a", "b", stamp_ns)


def test_no_stamp_means_the_newest_common_time(robot):
    robot.set_transform("odom", "base", 2 * SECOND, turn(2, 4.0))  # map → odom lags behind
    np.testing.assert_allclose(
        robot.lookup("map", "camera", None), robot.lookup("map", "camera", SECOND)
    )
    np.testing.assert_allclose(robot.lookup("odom", "base", None), turn(2, 4.0))
    np.testing.assert_array_equal(robot.lookup("base", "camera", None), shift(0, 0, 0.5))


def test_unknown_frames_are_named(robot):
    with pytest.raises(UnknownFrameError, match=r"'gripper' is unknown.*base, camera, map, odom"):
        robot.lookup("map", "gripper", 0)
    with pytest.raises(UnknownFrameError, match="''"):
        robot.lookup("map", "", 0)


@pytest.mark.parametrize("stamp_ns", [0, None])
def test_two_trees_are_not_connected(robot, stamp_ns):
    robot.set_transform("earth", "dock", 0, shift(1), static=True)
    with pytest.raises(NotConnectedError, match="'map' and 'dock'"):
        robot.lookup("map", "dock", stamp_ns)


@pytest.mark.parametrize("stamp_ns", [0, None])
def test_a_ring_ends_in_an_error(stamp_ns):
    buffer = TransformBuffer()
    for parent, child in (("a", "b"), ("b", "c"), ("c", "a"), ("x", "y")):
        buffer.set_transform(parent, child, 0, shift(1))
    with pytest.raises(NotConnectedError):
        buffer.lookup("x", "b", stamp_ns)
    with pytest.raises(NotConnectedError, match="ring"):
        buffer.lookup("a", "b", stamp_ns)


def test_each_time_has_its_own_parent():
    buffer = TransformBuffer()
    for parent in ("table", "hand"):
        buffer.set_transform("world", parent, 0, shift(0, 7), static=True)
    buffer.set_transform("table", "cup", 0, shift(1))
    buffer.set_transform("table", "cup", 1 * SECOND, shift(2))
    buffer.set_transform("hand", "cup", 2 * SECOND, shift(-5))
    np.testing.assert_allclose(buffer.lookup("table", "cup", SECOND // 2), shift(1.5))
    np.testing.assert_allclose(buffer.lookup("hand", "cup", 2 * SECOND), shift(-5))
    # Between two parents the earlier sample holds: the cup still stands on the table.
    np.testing.assert_allclose(buffer.lookup("world", "cup", 2 * SECOND - 1), shift(2, 7))


def test_samples_may_come_late_and_in_any_order():
    buffer = TransformBuffer()
    for second in (3, 1, 2, 0):
        assert buffer.set_transform("a", "b", second * SECOND, shift(second**2))
    found = buffer.lookup("a", "b", 1_500_000_000)
    np.testing.assert_allclose(found, shift(2.5))


def test_a_sample_of_the_same_time_replaces():
    buffer = TransformBuffer()
    buffer.set_transform("a", "b", 0, shift(1))
    buffer.set_transform("a", "b", 0, shift(2))
    np.testing.assert_array_equal(buffer.lookup("a", "b", 0), shift(2))


def test_the_cache_forgets_and_does_not_take_older_samples():
    buffer = TransformBuffer(cache_s=2.0)
    for second in range(6):
        buffer.set_transform("a", "b", second * SECOND, shift(second))
    assert not buffer.set_transform("a", "b", 2 * SECOND, shift(99))
    np.testing.assert_array_equal(buffer.lookup("a", "b", 3 * SECOND), shift(3))
    with pytest.raises(ExtrapolationError):
        buffer.lookup("a", "b", 3 * SECOND - 1)


def test_after_time_went_back_clear_makes_way_and_keeps_what_is_static(robot):
    assert not robot.set_transform("odom", "base", -60 * SECOND, shift(5))
    robot.clear()
    with pytest.raises(UnknownFrameError):
        robot.lookup("map", "base", SECOND)
    assert robot.set_transform("odom", "base", -60 * SECOND, shift(5))
    np.testing.assert_allclose(robot.lookup("odom", "camera", -60 * SECOND), shift(5, 0, 0.5))


YEAR = 365 * 24 * 3600 * SECOND


@pytest.mark.parametrize("wrong", [YEAR, -YEAR])
def test_one_wrong_stamp_costs_nothing(wrong):
    buffer = TransformBuffer()
    for tenth in range(20):
        buffer.set_transform("a", "b", tenth * SECOND // 10, shift(tenth))
    assert not buffer.set_transform("a", "b", wrong, shift(99))
    np.testing.assert_array_equal(buffer.lookup("a", "b", wrong), shift(99))  # after a pause, say
    np.testing.assert_allclose(buffer.lookup("a", "b", SECOND), shift(10))
    assert buffer.set_transform("a", "b", 2 * SECOND, shift(20))
    np.testing.assert_allclose(buffer.lookup("a", "b", None), shift(20))
    np.testing.assert_allclose(buffer.lookup("a", "b", SECOND * 195 // 100), shift(19.5))


@pytest.mark.parametrize("jump", [YEAR, -YEAR])
def test_stamps_that_confirm_each_other_are_a_new_time(jump):
    buffer = TransformBuffer()
    buffer.set_transform("a", "b", 0, shift(1))  # may be the wrong one: it came first
    for second in range(4):
        buffer.set_transform("a", "b", jump + second * SECOND, shift(second))
    for second in range(4):
        found = buffer.lookup("a", "b", jump + second * SECOND)
        np.testing.assert_array_equal(found, shift(second))


def test_a_second_publisher_a_year_ahead_never_displaces_the_first():
    buffer = TransformBuffer()
    for second in range(30):
        assert buffer.set_transform("a", "b", second * SECOND, shift(second))
        assert not buffer.set_transform("a", "b", second * SECOND + YEAR, shift(-1))
    np.testing.assert_array_equal(buffer.lookup("a", "b", 25 * SECOND), shift(25))


def test_samples_rarer_than_the_cache_are_at_most_one_behind():
    buffer = TransformBuffer(cache_s=2.0)
    for second in range(0, 50, 5):
        buffer.set_transform("a", "b", second * SECOND, shift(second))
        assert buffer.lookup("a", "b", None)[0, 3] >= second - 5


def test_a_leading_slash_makes_no_other_frame(robot):
    np.testing.assert_array_equal(
        robot.lookup("/map", "/base", SECOND), robot.lookup("map", "base", SECOND)
    )
    robot.set_transform("/base", "/arm", 0, shift(4), static=True)
    np.testing.assert_array_equal(robot.lookup("base", "arm", 0), shift(4))


@pytest.mark.parametrize(
    ("parent", "child", "matrix"),
    [
        ("a", "a", np.eye(4)),
        ("a", "/a", np.eye(4)),
        ("", "a", np.eye(4)),
        ("a", "/", np.eye(4)),
        ("a", "b", np.full((4, 4), np.nan)),
        ("a", "b", np.zeros((4, 4))),
        ("a", "b", np.eye(3)),
    ],
)
def test_useless_transforms_are_refused(robot, parent, child, matrix):
    with pytest.raises(ValueError, match=r"frame|transform"):
        robot.set_transform(parent, child, 0, matrix)
    np.testing.assert_array_equal(robot.lookup("odom", "base", SECOND), turn(1, 2.0))


def test_histories_and_frames_are_bounded(monkeypatch):
    monkeypatch.setattr(transform_history, "MAX_SAMPLES", 10)
    monkeypatch.setattr(transform_buffer, "MAX_FRAMES", 5)
    buffer = TransformBuffer()
    for stamp_ns in range(50):
        buffer.set_transform("a", "b", stamp_ns, shift(stamp_ns))
    np.testing.assert_array_equal(buffer.lookup("a", "b", 40), shift(40))
    with pytest.raises(ExtrapolationError):
        buffer.lookup("a", "b", 39)
    for name in "cde":
        buffer.set_transform("a", name, 0, shift(1))
    with pytest.raises(ValueError, match="more than the 5 frames"):
        buffer.set_transform("a", "f", 0, shift(1))
    assert buffer.set_transform("a", "e", 1, shift(1))


@given(st.lists(st.floats(-10, 10), min_size=3, max_size=3), st.integers(0, SECOND))
def test_looking_there_and_back_is_identity(xyz, stamp_ns):
    buffer = TransformBuffer()
    buffer.set_transform("a", "b", 0, shift(*xyz) @ turn(xyz[0]))
    buffer.set_transform("a", "b", SECOND, turn(xyz[1]) @ shift(*xyz))
    there, back = buffer.lookup("a", "b", stamp_ns), buffer.lookup("b", "a", stamp_ns)
    np.testing.assert_allclose(there @ back, np.eye(4), atol=1e-9)


def test_lookups_while_samples_arrive_are_consistent():
    buffer = TransformBuffer(cache_s=1.0)
    buffer.set_transform("a", "b", 0, shift(0))
    failures = []

    def write():
        for i in range(1, 3_000):
            buffer.set_transform("a", "b", i * 10**6, shift(i))

    writer = threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        found = buffer.lookup("a", "b", None)
        if not np.isclose(found[0, 3], round(found[0, 3])):
            failures.append(found)
    writer.join()
    assert not failures
    assert buffer.lookup("a", "b", None)[0, 3] == 2_999
