"""Crops: parts of pictures for image encoders."""

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
    height, width = color.shape[:2]
    left, top, right, bottom = box
    edge = max(right - left, bottom - top, _SMALLEST_PX)
    x0, x1 = _span(left, right, edge, width)
    y0, y1 = _span(top, bottom, edge, height)
    return _resized(color, (x0, y0, x1, y1), size)


def stretched_crop(color: UInt8, box: Box, size: int) -> UInt8:
    """The box alone, stretched to a square, (size, size, 3); arguments as of `square_crop`."""
    return _resized(color, box, size)


def wide_crop(color: UInt8, box: Box, size: int) -> tuple[UInt8, tuple[float, ...]]:
    """A box and as much around it, (size, size, 3), and the box within; arguments as above.

    The box is in the middle of a square twice as large as its longer side, grey where the
    picture ends. It is given in parts of the crop.
    """
    from PIL import Image

    left, top, right, bottom = box
    edge = 2 * max(right - left, bottom - top, _SMALLEST_PX)
    x0, y0 = (left + right - edge) // 2, (top + bottom - edge) // 2
    square = np.full((edge, edge, 3), 127, np.uint8)
    rows, columns = slice(max(y0, 0), y0 + edge), slice(max(x0, 0), x0 + edge)
    part = color[rows, columns]
    dy, dx = max(-y0, 0), max(-x0, 0)
    square[dy : dy + part.shape[0], dx : dx + part.shape[1]] = part
    cut = Image.fromarray(square).resize((size, size), Image.Resampling.BICUBIC)
    inner = ((left - x0) / edge, (top - y0) / edge, (right - x0) / edge, (bottom - y0) / edge)
    return np.asarray(cut), inner


def _resized(color: UInt8, box: tuple[float, float, float, float], size: int) -> UInt8:
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(color))
    cut = picture.resize((size, size), Image.Resampling.BICUBIC, box=box, reducing_gap=2.0)
    return np.asarray(cut)


def _span(low: int, high: int, edge: int, size: int) -> tuple[float, float]:
    """Part of 0 to `size` that is `edge` long, around the middle of low to high."""
    if edge >= size:
        return 0.0, float(size)
    start = min(max((low + high - edge) / 2, 0.0), float(size - edge))
    return start, start + edge
