"""Poses of twelve floats are those of the matrices."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg3d_ros.sensing.pose_arithmetic import (
    compose,
    interpolated,
    inverted,
    matrix_from_rows,
    rows_from_matrix,
    rows_from_pose,
)
from seg3d_ros.sensing.transforms import interpolate, invert, matrix_from_pose

numbers = st.floats(-1e3, 1e3)
places = st.tuples(numbers, numbers, numbers)
turns = st.tuples(numbers, numbers, numbers, numbers).filter(lambda q: np.linalg.norm(q) > 1e-3)
poses = st.tuples(places, turns)
CLOSE = {"rtol": 1e-9, "atol": 1e-9}


@given(poses, poses)
def test_products_and_inverses(first, second):
    a, b = matrix_from_pose(*first), matrix_from_pose(*second)
    rows_a, rows_b = rows_from_pose(*first), rows_from_pose(*second)
    np.testing.assert_allclose(matrix_from_rows(rows_a), a, atol=1e-12)
    np.testing.assert_allclose(matrix_from_rows(compose(rows_a, rows_b)), a @ b, **CLOSE)
    np.testing.assert_allclose(matrix_from_rows(inverted(rows_a)), invert(a), **CLOSE)


@given(poses, poses, st.floats(0, 1))
def test_interpolation(first, second, fraction):
    rows = interpolated(rows_from_pose(*first), rows_from_pose(*second), fraction)
    expected = interpolate(matrix_from_pose(*first), matrix_from_pose(*second), fraction)
    rotations = matrix_from_rows(rows)[:3, :3], expected[:3, :3]
    opposite = np.trace(matrix_from_pose(*first)[:3, :3].T @ matrix_from_pose(*second)[:3, :3])
    if opposite > -1 + 1e-6:  # of half a turn either way is the shorter one
        np.testing.assert_allclose(*rotations, atol=1e-6)
    np.testing.assert_allclose(matrix_from_rows(rows)[:, 3], expected[:, 3], **CLOSE)


def test_a_matrix_comes_back_bit_by_bit():
    matrix = matrix_from_pose((1, 2, 3), (0.1, 0.2, 0.3, 0.4))
    np.testing.assert_array_equal(matrix_from_rows(rows_from_matrix(matrix)), matrix)


@pytest.mark.parametrize(
    ("place", "turn", "what"),
    [
        ((0, 0, float("nan")), (0, 0, 0, 1), "translation"),
        ((0, 0, 0), (0, 0, float("inf"), 1), "quaternion"),
        ((0, 0, 0), (0, 0, 0, 0), "quaternion is zero"),
    ],
)
def test_useless_poses_are_refused(place, turn, what):
    with pytest.raises(ValueError, match=what):
        rows_from_pose(place, turn)


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_a_quaternion_of_any_length_is_a_rotation(scale):
    expected = rows_from_pose((0, 0, 0), (1, 2, 3, 4))
    assert rows_from_pose((0, 0, 0), [scale * v for v in (1, 2, 3, 4)]) == pytest.approx(expected)
