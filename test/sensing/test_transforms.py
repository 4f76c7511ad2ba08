"""Laws of rigid transforms, and literal values for the conventions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg3d_ros.sensing.transforms import (
    check_rigid,
    interpolate,
    invert,
    matrix_from_pose,
    matrix_from_quaternion,
    quaternion_from_matrix,
)

coordinates = st.floats(-1e4, 1e4)
translations = st.tuples(coordinates, coordinates, coordinates)
components = st.floats(-1, 1)
quaternions = st.tuples(components, components, components, components).filter(
    lambda q: np.linalg.norm(q) > 1e-3
)
poses = st.builds(matrix_from_pose, translations, quaternions)


def test_quarter_turn_about_z_takes_x_to_y():
    half = np.sqrt(0.5)
    rotation = matrix_from_quaternion((0, 0, half, half))
    assert np.allclose(rotation, [[0, -1, 0], [1, 0, 0], [0, 0, 1]])


@pytest.mark.parametrize("axis", range(3))
def test_half_turns_survive_the_way_through_a_quaternion(axis):
    rotation = -np.eye(3)
    rotation[axis, axis] = 1
    assert np.allclose(matrix_from_quaternion(quaternion_from_matrix(rotation)), rotation)


@given(quaternions)
def test_quaternion_and_matrix_are_inverse(quaternion):
    rotation = matrix_from_quaternion(quaternion)
    unit = np.array(quaternion) / np.linalg.norm(quaternion)
    back = quaternion_from_matrix(rotation)
    assert np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.isclose(np.linalg.det(rotation), 1)
    assert np.isclose(abs(back @ unit), 1)
    assert np.allclose(matrix_from_quaternion(back), rotation, atol=1e-12)


@given(quaternions, st.sampled_from([1e-200, 1e-30, 3.0, 1e30, 1e200]))
def test_length_of_a_quaternion_does_not_matter(quaternion, scale):
    scaled = np.array(quaternion) * scale
    assert np.allclose(matrix_from_quaternion(scaled), matrix_from_quaternion(quaternion))


@given(poses)
def test_inverse_undoes(pose):
    assert np.allclose(invert(pose) @ pose, np.eye(4), atol=1e-7)
    assert np.allclose(invert(invert(pose)), pose, atol=1e-7)


@given(poses, poses, st.floats(0, 1))
def test_interpolation_is_rigid_and_symmetric(first, second, fraction):
    between = check_rigid(interpolate(first, second, fraction), "between")
    back = interpolate(second, first, 1 - fraction)
    assert np.allclose(between[:3, 3], back[:3, 3], atol=1e-6)
    if np.trace(first[:3, :3].T @ second[:3, :3]) > -0.99:  # half a turn goes either way round
        assert np.allclose(between, back, atol=1e-6)


@given(poses, poses)
def test_interpolation_ends_at_its_ends(first, second):
    assert np.allclose(interpolate(first, second, 0), first, atol=1e-6)
    assert np.allclose(interpolate(first, second, 1), second, atol=1e-6)


@given(poses, st.floats(-3, 3), st.floats(0, 1))
def test_interpolation_turns_at_constant_speed(first, angle, fraction):
    def turn(by):
        return matrix_from_pose((0, 0, 0), (0, 0, np.sin(by / 2), np.cos(by / 2)))

    between = interpolate(first, first @ turn(angle), fraction)
    assert np.allclose(between, first @ turn(fraction * angle), atol=1e-6)


@pytest.mark.parametrize(
    "quaternion", [(0, 0, 0, 0), (np.nan, 0, 0, 1), (0, 0, np.inf, 1), (0, 1)]
)
def test_useless_quaternions_are_refused(quaternion):
    with pytest.raises(ValueError, match="quaternion is"):
        matrix_from_quaternion(quaternion)


def test_useless_translations_are_refused():
    with pytest.raises(ValueError, match="translation"):
        matrix_from_pose((0, np.nan, 0), (0, 0, 0, 1))


@pytest.mark.parametrize(
    ("matrix", "complaint"),
    [
        (np.eye(3), r"not a \(4, 4\)"),
        (np.full((4, 4), np.nan), "finite"),
        (np.diag([2.0, 1, 1, 1]), "rotation of pose"),
        (np.diag([-1.0, 1, 1, 1]), "rotation of pose"),
        (np.vstack([np.eye(4)[:3], np.ones(4)]), "last row"),
    ],
)
def test_what_is_not_rigid_is_refused(matrix, complaint):
    with pytest.raises(ValueError, match=complaint):
        check_rigid(matrix, "pose")
