"""Colour of pixel formats that share it among neighbours: YUV 4:2:2 and Bayer mosaics."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.kernels import kernel
from seg3d_ros.scene import UInt8

# Position of red in the 2 x 2 tile (row, column) by the name of a mosaic; blue lies opposite.
BAYER_RED = {"rggb": (0, 0), "grbg": (0, 1), "gbrg": (1, 0), "bggr": (1, 1)}


def rgb_from_yuv422(pairs: UInt8, *, luma_first: bool) -> UInt8:
    """RGB of an image whose pixels share chroma in pairs, after ITU-R BT.601 as OpenCV does it.

    Args:
        pairs: (H, W, 2) uint8, W even: luma and, by turns, U and V.
        luma_first: True for Y U Y V, False for U Y V Y.

    Returns:
        (H, W, 3) uint8.
    """
    rgb = np.empty((*pairs.shape[:2], 3), np.uint8)
    _convert_yuv422(np.ascontiguousarray(pairs), 0 if luma_first else 1, rgb)
    return rgb


def rgb_from_bayer(mosaic: npt.NDArray[Any], red: tuple[int, int]) -> npt.NDArray[Any]:
    """RGB of a Bayer mosaic by bilinear interpolation.

    Args:
        mosaic: (H, W) uint8 or uint16.
        red: row and column of the first red pixel.

    Returns:
        (H, W, 3) of the same type.
    """
    rgb = np.empty((*mosaic.shape, 3), mosaic.dtype)
    _interpolate_bayer(np.ascontiguousarray(mosaic), red, rgb)
    return rgb


@kernel(inline="always")
def _byte(value):  # type: ignore[no-untyped-def]
    return np.uint8(min(max(value + np.float32(0.5), np.float32(0)), np.float32(255)))


@kernel
def _convert_yuv422(pairs, luma, rgb):  # type: ignore[no-untyped-def]
    chroma = 1 - luma
    for row in range(pairs.shape[0]):
        for left in range(0, pairs.shape[1] - 1, 2):
            u = np.float32(pairs[row, left, chroma]) - np.float32(128)
            v = np.float32(pairs[row, left + 1, chroma]) - np.float32(128)
            for column in range(left, left + 2):
                y = np.float32(1.164) * (np.float32(pairs[row, column, luma]) - np.float32(16))
                rgb[row, column, 0] = _byte(y + np.float32(1.596) * v)
                rgb[row, column, 1] = _byte(y - np.float32(0.813) * v - np.float32(0.391) * u)
                rgb[row, column, 2] = _byte(y + np.float32(2.018) * u)


@kernel
def _interpolate_bayer(mosaic, red, rgb):  # type: ignore[no-untyped-def]
    """Mean of the nearest pixels of each colour, those beside weighing double those across."""
    height, width = mosaic.shape
    sums = np.zeros(3, np.int64)
    weights = np.zeros(3, np.int64)
    for v in range(height):
        for u in range(width):
            for color in range(3):  # slices of arrays take seconds to compile
                sums[color] = weights[color] = 0
            for row in range(max(v - 1, 0), min(v + 2, height)):
                for column in range(max(u - 1, 0), min(u + 2, width)):
                    color = ((row - red[0]) & 1) + ((column - red[1]) & 1)
                    weight = (2 if row == v else 1) * (2 if column == u else 1)
                    sums[color] += weight * mosaic[row, column]
                    weights[color] += weight
            own = ((v - red[0]) & 1) + ((u - red[1]) & 1)
            for color in range(3):
                if color == own:
                    rgb[v, u, color] = mosaic[v, u]
                elif weights[color]:
                    half = weights[color] // 2
                    rgb[v, u, color] = (sums[color] + half) // weights[color]
                else:
                    rgb[v, u, color] = 0
