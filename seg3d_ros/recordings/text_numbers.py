"""Numbers of a text, separated by white space."""

from __future__ import annotations

import warnings

import numpy as np

from seg3d_ros.errors import InputError
from seg3d_ros.scene import Float64, UInt8


def parse_numbers(text: UInt8) -> Float64:
    """All numbers of a text, (N,) float64.

    Args:
        text: its bytes; lines do not matter.

    Raises:
        ValueError: a word is no number.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # raised where a word is no number
        try:
            return np.fromstring(text.tobytes(), np.float64, sep=" ")
        except (DeprecationWarning, ValueError):
            raise InputError("it holds a word that is no number") from None
