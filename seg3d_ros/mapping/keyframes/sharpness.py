"""Sharpness of pictures, comparable between different things.

One minus the blur metric of Crete et al. ("The blur effect: perception and estimation with a new
no-reference perceptual blur metric", SPIE 2007): how much of the variation between neighbouring
pixels is lost when the picture is blurred once more. Every eighth row and column will do.
"""

from __future__ import annotations

import numpy as np

from seg3d_ros.kernels import kernel
from seg3d_ros.scene import UInt8

_STEP = 8
_HALF = 4  # pixels each way that a blurred pixel is the mean of


def sharpness(color: UInt8) -> float:
    """Sharpness in [0, 1] of a picture (H, W, 3), across or down, whichever is less."""
    green = color[..., 1]  # most of the luminance
    across = np.ascontiguousarray(green[::_STEP])
    down = np.ascontiguousarray(green[:, ::_STEP].T)
    return float(min(_sharpness_of_lines(across), _sharpness_of_lines(down)))


@kernel
def _sharpness_of_lines(lines):  # type: ignore[no-untyped-def]
    """Share of the variation along the lines that a box filter takes away; 0 without any."""
    width = 2 * _HALF + 1
    variation = lost = 0.0
    for row in range(lines.shape[0]):
        for i in range(_HALF + 1, lines.shape[1] - _HALF):
            # The means of two neighbours differ by the pixel that comes in and the one that goes.
            step = abs(np.int32(lines[row, i]) - np.int32(lines[row, i - 1]))
            entering, leaving = lines[row, i + _HALF], lines[row, i - _HALF - 1]
            blurred = abs(np.int32(entering) - np.int32(leaving)) / width
            variation += step
            lost += max(0.0, step - blurred)
    return lost / variation if variation else 0.0
