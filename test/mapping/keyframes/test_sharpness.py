"""Sharpness falls with blur, whatever the picture shows."""

import numpy as np
import pytest

from seg3d_ros.mapping.keyframes.sharpness import sharpness


def striped(width: int, *, axis: int = 1) -> np.ndarray:
    """Grey stripes of a width in pixels, varied along an axis."""
    line = np.where(np.arange(288) // width % 2, 200, 50).astype(np.uint8)
    image = np.broadcast_to(line, (288, 288))
    return np.stack([image if axis == 1 else image.T] * 3, axis=-1)


def blurred(image: np.ndarray, width: int, *, axis: int) -> np.ndarray:
    kernel = np.convolve(np.ones(width), np.ones(width)) / width**2
    return np.apply_along_axis(np.convolve, axis, image, kernel, "same").astype(np.uint8)


def test_a_step_keeps_one_ninth_of_itself():
    # Stripes wider than the filter: of each step of 150 the nine-pixel mean takes 1/9 at the edge.
    both = (striped(32).astype(int) + striped(32, axis=0)) // 2
    assert sharpness(both.astype(np.uint8)) == pytest.approx(8 / 9, abs=1e-3)


def test_blur_in_one_direction_counts():
    noise = np.random.default_rng(1).integers(0, 256, (288, 288, 3)).astype(np.uint8)
    values = [sharpness(blurred(noise, width, axis=0)) for width in (1, 3, 7, 15)]
    assert values == sorted(values, reverse=True) and values[-1] < values[0] / 2


def test_a_picture_of_nothing_is_not_sharp():
    assert sharpness(np.full((64, 64, 3), 90, np.uint8)) == 0
