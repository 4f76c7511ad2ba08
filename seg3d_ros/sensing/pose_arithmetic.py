"""Rigid transforms as twelve floats: for single poses NumPy's call overhead is ten times the work.

`Rows` are the three upper rows of the (4, 4) matrix `target_from_source`, one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from seg3d_ros.errors import InputError
from seg3d_ros.scene import Float64

Rows = tuple[float, ...]  # 12: r00 r01 r02 tx, r10 r11 r12 ty, r20 r21 r22 tz
IDENTITY: Rows = (1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_SMALL_ANGLE = 1e-6


def rows_from_pose(translation: Sequence[float], xyzw: Sequence[float]) -> Rows:
    """Transform of a translation (3), metres, and a quaternion (4) of any length but zero.

    Raises:
        InputError: a number is not finite, or the quaternion is zero.
    """
    if not all(map(math.isfinite, translation)):
        raise InputError(f"translation is {list(translation)}; expected three finite numbers")
    if not all(map(math.isfinite, xyzw)):
        raise InputError(f"quaternion is {list(xyzw)}; expected four finite numbers x, y, z, w")
    # Divided by the largest first: tiny and huge numbers leave the float range when squared.
    largest = max(map(abs, xyzw))
    if largest == 0:
        raise InputError("quaternion is zero; its sender has not filled in the rotation")
    x, y, z, w = xyzw
    return _rows(translation, x / largest, y / largest, z / largest, w / largest)


def _rows(translation: Sequence[float], x: float, y: float, z: float, w: float) -> Rows:
    """Transform of a quaternion that is neither tiny nor huge."""
    length = math.sqrt(x * x + y * y + z * z + w * w)
    x, y, z, w = x / length, y / length, z / length, w / length
    tx, ty, tz = translation
    return (
        1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w), tx,
        2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w), ty,
        2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y), tz,
    )  # fmt: skip


def rows_from_matrix(matrix: Float64) -> Rows:
    """Transform of a rigid (4, 4) matrix."""
    return tuple(matrix[:3].ravel().tolist())


def matrix_from_rows(rows: Rows) -> Float64:
    """(4, 4) matrix of a transform."""
    return np.array((*rows, 0.0, 0.0, 0.0, 1.0)).reshape(4, 4)


def compose(first: Rows, second: Rows) -> Rows:
    """a_from_c of a_from_b and b_from_c."""
    a, b, c, x, d, e, f, y, g, h, i, z = first
    j, k, l, u, m, n, o, v, p, q, r, w = second  # noqa: E741
    return (
        a * j + b * m + c * p,
        a * k + b * n + c * q,
        a * l + b * o + c * r,
        a * u + b * v + c * w + x,
        d * j + e * m + f * p,
        d * k + e * n + f * q,
        d * l + e * o + f * r,
        d * u + e * v + f * w + y,
        g * j + h * m + i * p,
        g * k + h * n + i * q,
        g * l + h * o + i * r,
        g * u + h * v + i * w + z,
    )


def inverted(rows: Rows) -> Rows:
    """source_from_target of a rigid target_from_source."""
    a, b, c, x, d, e, f, y, g, h, i, z = rows
    return (
        a, d, g, -(a * x + d * y + g * z),
        b, e, h, -(b * x + e * y + h * z),
        c, f, i, -(c * x + f * y + i * z),
    )  # fmt: skip


def interpolated(first: Rows, second: Rows, fraction: float) -> Rows:
    """Transform between two: linear in translation, at constant speed along the shorter turn."""
    x0, y0, z0, w0 = _quaternion(first)
    x1, y1, z1, w1 = _quaternion(second)
    cosine = x0 * x1 + y0 * y1 + z0 * z1 + w0 * w1
    sign = 1.0 if cosine >= 0 else -1.0  # q and -q are one rotation; take the nearer
    angle = math.acos(min(sign * cosine, 1.0))
    before, after = 1 - fraction, fraction
    if angle < _SMALL_ANGLE:  # a chord is an arc here, and the sine vanishes
        a, b = before, sign * after
    else:
        a, b = math.sin(before * angle), sign * math.sin(after * angle)
    place = [before * first[i] + after * second[i] for i in (3, 7, 11)]
    return _rows(place, a * x0 + b * x1, a * y0 + b * y1, a * z0 + b * z1, a * w0 + b * w1)


def _quaternion(rows: Rows) -> tuple[float, float, float, float]:
    """Unit quaternion x, y, z, w of the rotation.

    Of the four squares of Shepperd (1978) the largest one divides, so nothing cancels.
    """
    a, b, c, _, d, e, f, _, g, h, i, _ = rows
    squares = (1 + a - e - i, 1 - a + e - i, 1 - a - e + i, 1 + a + e + i)
    largest = max(squares)
    if largest == squares[3]:
        x, y, z, w = h - f, c - g, d - b, largest
    elif largest == squares[0]:
        x, y, z, w = largest, b + d, c + g, h - f
    elif largest == squares[1]:
        x, y, z, w = b + d, largest, f + h, c - g
    else:
        x, y, z, w = c + g, f + h, largest, d - b
    length = math.sqrt(x * x + y * y + z * z + w * w)
    return x / length, y / length, z / length, w / length
