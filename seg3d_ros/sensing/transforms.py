"""Rigid transforms: (4, 4) float64 matrices named `target_from_source`, quaternions x, y, z, w."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.errors import InputError
from seg3d_ros.scene import Float64

_ROTATION_TOLERANCE = 1e-3  # poses in text files carry four digits


def level_pose(turn: float, shift: npt.ArrayLike) -> Float64:
    """Transform (4, 4) of a turn about z, radians, and a shift (3,), metres."""
    pose = np.eye(4)
    cos, sin = np.cos(turn), np.sin(turn)
    pose[:2, :2] = [[cos, -sin], [sin, cos]]
    pose[:3, 3] = shift
    return pose


def transformed(points: npt.NDArray[Any], target_from_source: Float64) -> Float64:
    """(N, 3) points of a source frame in the target's."""
    moved: Float64 = points @ target_from_source[:3, :3].T + target_from_source[:3, 3]
    return moved


def matrix_from_quaternion(xyzw: npt.ArrayLike) -> Float64:
    """Rotation matrix (3, 3) of a quaternion of any length but zero.

    Raises:
        InputError: not four finite numbers, or their length is zero.
    """
    x, y, z, w = _unit_quaternion(xyzw)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def quaternion_from_matrix(rotation: Float64) -> Float64:
    """Unit quaternion (4,) x, y, z, w with w ≥ 0 of a rotation matrix (3, 3)."""
    # The four squares of Shepperd (1978); the largest one divides, so nothing cancels.
    trace = float(np.trace(rotation))
    squares = np.array([*(1 + 2 * np.diag(rotation) - trace), 1 + trace])
    sums, differences = rotation + rotation.T, rotation - rotation.T
    products = np.diag(squares)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        products[i, j] = products[j, i] = sums[i, j]
        k = 3 - i - j
        sign = -1.0 if k == 1 else 1.0
        products[k, 3] = products[3, k] = sign * differences[j, i]
    quaternion = products[int(np.argmax(squares))]
    quaternion = quaternion / np.linalg.norm(quaternion)
    return -quaternion if quaternion[3] < 0 else quaternion


def matrix_from_pose(translation: npt.ArrayLike, xyzw: npt.ArrayLike) -> Float64:
    """Transform of a pose: translation (3,) in metres and quaternion (4,).

    Raises:
        InputError: a number is not finite, or the quaternion is zero.
    """
    position = np.asarray(translation, np.float64)
    if position.shape != (3,) or not np.isfinite(position).all():
        raise InputError(f"translation is {position.tolist()}; expected three finite numbers")
    matrix = np.eye(4)
    matrix[:3, :3] = matrix_from_quaternion(xyzw)
    matrix[:3, 3] = position
    return matrix


def check_rigid(matrix: npt.ArrayLike, name: str) -> Float64:
    """The matrix as (4, 4) float64, if it is a rigid transform.

    Raises:
        InputError: names the matrix and what is wrong with it.
    """
    checked = np.asarray(matrix, np.float64)
    if checked.shape != (4, 4) or not np.isfinite(checked).all():
        raise InputError(f"{name} is not a (4, 4) matrix of finite numbers: {checked.tolist()}")
    rotation = checked[:3, :3]
    error = np.abs(rotation @ rotation.T - np.eye(3)).max()
    if error > _ROTATION_TOLERANCE or np.linalg.det(rotation) < 0:
        raise InputError(f"the rotation of {name} is not one: {rotation.tolist()}")
    if not np.array_equal(checked[3], (0, 0, 0, 1)):
        raise InputError(f"the last row of {name} is {checked[3].tolist()}; expected 0 0 0 1")
    return checked


def invert(target_from_source: Float64) -> Float64:
    """source_from_target of a rigid transform."""
    inverse = np.eye(4)
    inverse[:3, :3] = target_from_source[:3, :3].T
    inverse[:3, 3] = -inverse[:3, :3] @ target_from_source[:3, 3]
    return inverse


def interpolate(first: Float64, second: Float64, fraction: float) -> Float64:
    """Transform between two: linear in translation, at constant speed along the shorter turn.

    A fraction of 0 gives `first`, 1 gives `second`.
    """
    start = quaternion_from_matrix(first[:3, :3])
    end = quaternion_from_matrix(second[:3, :3])
    translation = (1 - fraction) * first[:3, 3] + fraction * second[:3, 3]
    return matrix_from_pose(translation, _slerp(start, end, fraction))


def _slerp(start: Float64, end: Float64, fraction: float) -> Float64:
    cosine = float(start @ end)
    if cosine < 0:  # q and -q are one rotation; take the nearer
        end, cosine = -end, -cosine
    angle = np.arccos(min(cosine, 1.0))
    if angle < 1e-6:  # a chord is an arc here, and the sine below would vanish
        return (1 - fraction) * start + fraction * end
    mixed = np.sin((1 - fraction) * angle) * start + np.sin(fraction * angle) * end
    return np.asarray(mixed / np.sin(angle))


def _unit_quaternion(xyzw: npt.ArrayLike) -> Float64:
    quaternion = np.asarray(xyzw, np.float64)
    if quaternion.shape != (4,) or not np.isfinite(quaternion).all():
        raise InputError(
            f"quaternion is {quaternion.tolist()}; expected four finite numbers x, y, z, w"
        )
    # Divided by the largest first: squares of tiny or huge numbers leave the float range.
    largest = np.abs(quaternion).max()
    if largest == 0:
        raise InputError("quaternion is zero; its sender has not filled in the rotation")
    quaternion = quaternion / largest
    return np.asarray(quaternion / np.linalg.norm(quaternion))
