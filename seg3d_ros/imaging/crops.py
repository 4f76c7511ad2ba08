"""Crops: squares cut out of pictures for image encoders."""

from __future__ import annotations

import numpy as np

from seg3d_ros.scene import UInt8

_SMALLEST_PX = 24
Box = tuple[int, int, int, int]


def square_crop(color: UInt8, box: Box, size: int) -> UInt8:
    """Tight square around a box, (size, size, 3).

    The square stays within the picture where it can; the part that cannot is left out, and the
    rest stretched. Margins were measured to make names worse.

    Args:
        color: (H, W, 3) RGB.
        box: left, top, right, bottom, pixels; right and bottom are the first beyond.
        size: edge of the crop, pixels.
    """
    from PIL import Image

    height, width = color.shape[:2]
    left, top, right, bottom = box
    edge = max(right - left, bottom - top, _SMALLEST_PX)
    x0, x1 = _span(left, right, edge, width)
    y0, y1 = _span(top, bottom, edge, height)
    picture = Image.fromarray(np.ascontiguousarray(color))
    cut = picture.resize(
        (size, size), Image.Resampling.BICUBIC, box=(x0, y0, x1, y1), reducing_gap=2.0
    )
    return np.asarray(cut)


def _span(low: int, high: int, edge: int, size: int) -> tuple[float, float]:
    """Part of 0 to `size` that is `edge` long, around the middle of low to high."""
    if edge >= size:
        return 0.0, float(size)
    start = min(max((low + high - edge) / 2, 0.0), float(size - edge))
    return start, start + edge
