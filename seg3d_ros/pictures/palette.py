"""One colour an object id: stable, far from its neighbours', readable on dark and on light."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from seg3d_ros.scene import UInt8

_GOLDEN_ANGLE = 2.399963229728653  # radians; steps that never cluster on the hue circle
_FIRST_HUE = 0.6
# Lightness and chroma change too, so that hues which come close still differ.
_TONES = ((0.70, 0.17), (0.60, 0.15), (0.80, 0.13))
# OKLab to linear sRGB (B. Ottosson, "A perceptual color space for image processing", 2020):
# equal lightness looks equally light in every hue.
_CONE_ROOTS_FROM_LAB = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)
_RGB_FROM_CONES = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


@lru_cache(maxsize=4096)
def color_of(object_id: int) -> UInt8:
    """Colour (3,) uint8 RGB of an object id; the same id has the same colour everywhere."""
    lightness, chroma = _TONES[object_id % len(_TONES)]
    hue = _FIRST_HUE + object_id * _GOLDEN_ANGLE
    lab = np.array([lightness, chroma * np.cos(hue), chroma * np.sin(hue)])
    linear = np.clip(_RGB_FROM_CONES @ (_CONE_ROOTS_FROM_LAB @ lab) ** 3, 0, 1)
    encoded = np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    color = np.rint(encoded * 255).astype(np.uint8)
    color.setflags(write=False)  # it is remembered
    return color
