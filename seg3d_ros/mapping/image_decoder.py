"""Image bytes → colour and depth arrays.

Arguments are those of sensor_msgs/Image, passed as plain values so that bags are read without ROS.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.scene import UInt8

# Encoding → channels, and the order that makes them red, green, blue.
_COLOR_CHANNELS = {
    "rgb8": (3, (0, 1, 2)),
    "bgr8": (3, (2, 1, 0)),
    "rgba8": (4, (0, 1, 2)),
    "bgra8": (4, (2, 1, 0)),
    "mono8": (1, (0, 0, 0)),
}
# Encoding → type without byte order, metres of one unit.
_DEPTH_TYPES = {"16UC1": ("u2", 0.001), "mono16": ("u2", 0.001), "32FC1": ("f4", 1.0)}
MAX_SIDE = 8192


class ImageError(ValueError):
    """The image cannot be read; the message says which value is wrong."""


def decode_color(encoding: str, height: int, width: int, step: int, data: Any) -> UInt8:
    """Read a colour image as (height, width, 3) uint8 RGB, a view of the data if possible.

    Raises:
        ImageError: unknown encoding, absurd size, or too little data.
    """
    if encoding not in _COLOR_CHANNELS:
        raise ImageError(
            f"colour encoding {encoding!r} is not understood; "
            f"use one of {', '.join(_COLOR_CHANNELS)}"
        )
    channels, order = _COLOR_CHANNELS[encoding]
    image = _pixels(np.dtype(np.uint8), channels, height, width, step, data)
    if channels == 1:
        return np.broadcast_to(image, (height, width, 3))
    return image[:, :, ::-1][:, :, -3:] if order[0] == 2 else image[:, :, :3]


def decode_depth(
    encoding: str, height: int, width: int, step: int, data: Any, *, is_bigendian: bool = False
) -> tuple[npt.NDArray[Any], float]:
    """Read a depth image as ((height, width) uint16 or float32, metres of one unit).

    Zero, NaN and infinity mean "nothing measured".

    Raises:
        ImageError: unknown encoding, absurd size, or too little data.
    """
    if encoding not in _DEPTH_TYPES:
        raise ImageError(
            f"depth encoding {encoding!r} is not understood; "
            "use 16UC1 (millimetres) or 32FC1 (metres)"
        )
    kind, unit = _DEPTH_TYPES[encoding]
    dtype = np.dtype((">" if is_bigendian else "<") + kind)
    image = _pixels(dtype, 1, height, width, step, data)[:, :, 0]
    return np.require(image, dtype.newbyteorder("="), ["ALIGNED"]), unit


def decode_compressed(data: Any) -> UInt8:
    """Decode a JPEG or PNG file image to (height, width, 3) uint8 RGB.

    Raises:
        ImageError: the bytes are no image, or one of absurd size.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            if max(image.size) > MAX_SIDE:
                raise ImageError(f"compressed image is {image.size}; at most {MAX_SIDE} a side")
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError(f"compressed image cannot be decoded: {error}") from error


def _pixels(
    dtype: np.dtype[Any], channels: int, height: int, width: int, step: int, data: Any
) -> npt.NDArray[Any]:
    """(height, width, channels) view of rows that may be padded."""
    if not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE):
        raise ImageError(f"image is {width} x {height}; sides of 1 to {MAX_SIDE} are read")
    pixel = channels * dtype.itemsize
    if step < width * pixel:
        raise ImageError(f"step {step} is shorter than a row of {width * pixel} bytes")
    raw = np.frombuffer(data, np.uint8)
    needed = (height - 1) * step + width * pixel
    if raw.size < needed:
        raise ImageError(f"data holds {raw.size} bytes; {width} x {height} needs {needed}")
    return np.ndarray((height, width, channels), dtype, raw, 0, (step, pixel, dtype.itemsize))
