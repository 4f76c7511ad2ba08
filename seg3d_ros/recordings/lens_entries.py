"""Lens distortion in the calibration files of image folders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from seg3d_ros.scene import Distortion
from seg3d_ros.sensing.calibration import distortion_of, is_equidistant

_LISTS = (
    "distortion_coefficients",  # ROS, EuRoC
    "distortion_coeffs",  # Kalibr
    "dist_coeffs",
    "dist_coeff",  # OpenCV's samples
    "distortion",
    "coeffs",  # librealsense
    "D",
    "d",
)
_MODELS = ("distortion_model", "camera_model", "model")
_POLYNOMIAL = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6", "s1", "s2", "s3", "s4")
_EQUIDISTANT = ("k1", "k2", "k3", "k4")


def numbers(value: Any) -> list[float]:
    """Numbers of a list, of nested lists, or of a matrix of ROS or OpenCV with its `data`."""
    entries = value["data"] if isinstance(value, Mapping) else value
    return [float(number) for number in np.ravel(entries)]


def distortion_in(entries: Mapping[str, Any]) -> Distortion | None:
    """Distortion that a calibration names; None where it names none, or zeros.

    Args:
        entries: names and values of the file. The coefficients are a list in OpenCV's order, or
            single entries k1, k2, p1, p2, k3 …, also inside `distortion`.

    Raises:
        ImageError: the lens model is unknown.
        InputError: a coefficient is no number.
    """
    model = next((str(entries[name]) for name in _MODELS if name in entries), "")
    for name in _LISTS:
        value = entries.get(name)
        if isinstance(value, Mapping) and "data" not in value:
            entries = {**entries, **value}
        elif value is not None:
            return distortion_of(model, numbers(value))
    order = _EQUIDISTANT if is_equidistant(model) else _POLYNOMIAL
    return distortion_of(model, [float(entries.get(name, 0.0)) for name in order])
