"""Image bytes → colour and depth arrays.

Arguments are those of sensor_msgs/Image, passed as plain values so that bags are read without ROS.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.errors import InputError
from seg3d_ros.scene import UInt8
from seg3d_ros.sensing.color_formats import BAYER_RED, rgb_from_bayer, rgb_from_yuv422

# Encoding → type, channels; whether blue comes first. The bare 8UC3 and 8UC4 of OpenCV have blue
# first, as in RViz.
_PACKED = {
    "rgb8": ("u1", 3, False),
    "bgr8": ("u1", 3, True),
    "rgba8": ("u1", 4, False),
    "bgra8": ("u1", 4, True),
    "8UC3": ("u1", 3, True),
    "8UC4": ("u1", 4, True),
    "rgb16": ("u2", 3, False),
    "bgr16": ("u2", 3, True),
    "rgba16": ("u2", 4, False),
    "bgra16": ("u2", 4, True),
    "mono8": ("u1", 1, False),
    "8UC1": ("u1", 1, False),
    "mono16": ("u2", 1, False),
}
# Encoding → luma before chroma.
_YUV422 = {
    "yuv422": False,
    "uyvy": False,
    "yuv422_yuy2": True,
    "yuyv": True,
}
# Encoding → type, place of red.
_BAYER = {
    f"bayer_{name}{bits}": (f"u{bits // 8}", red)
    for name, red in BAYER_RED.items()
    for bits in (8, 16)
}
# Encoding → type without byte order, metres of one unit.
DEPTH_TYPES = {"16UC1": ("u2", 0.001), "mono16": ("u2", 0.001), "32FC1": ("f4", 1.0)}
MAX_SIDE = 8192


class ImageError(InputError):
    """The image cannot be read; the message says which value is wrong."""


def decode_color(
    encoding: str, height: int, width: int, step: int, data: Any, *, is_bigendian: bool = False
) -> UInt8:
    """Read a colour image as (height, width, 3) uint8 RGB, a view of the data if possible.

    Raises:
        ImageError: unknown encoding, absurd size, or too little data.
    """
    order = ">" if is_bigendian else "<"
    if encoding in _PACKED:
        kind, channels, blue_first = _PACKED[encoding]
        image = _pixels(np.dtype(order + kind), channels, height, width, step, data)
        if channels == 1:
            return np.broadcast_to(_to_bytes(image), (height, width, 3))
        return _to_bytes(image[:, :, 2::-1] if blue_first else image[:, :, :3])
    if encoding in _YUV422:
        if width % 2:
            raise ImageError(f"{encoding} image is {width} wide; two pixels share their colour")
        pairs = _pixels(np.dtype(np.uint8), 2, height, width, step, data)
        return rgb_from_yuv422(pairs, luma_first=_YUV422[encoding])
    if encoding in _BAYER:
        kind, red = _BAYER[encoding]
        mosaic = _pixels(np.dtype(order + kind), 1, height, width, step, data)[:, :, 0]
        native = mosaic.astype(mosaic.dtype.newbyteorder("="), copy=False)
        return _to_bytes(rgb_from_bayer(native, red))
    known = ", ".join((*_PACKED, *_YUV422, *_BAYER))
    raise ImageError(f"colour encoding {encoding!r} is not understood; use one of {known}")


def _to_bytes(image: npt.NDArray[Any]) -> UInt8:
    """The image in 8 bits; one of 16 bits is scaled and rounded."""
    if image.dtype == np.uint8:
        return image
    return ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)


def decode_depth(
    encoding: str, height: int, width: int, step: int, data: Any, *, is_bigendian: bool = False
) -> tuple[npt.NDArray[Any], float]:
    """Read a depth image as ((height, width) uint16 or float32, metres of one unit).

    Zero, NaN and infinity mean "nothing measured".

    Raises:
        ImageError: unknown encoding, absurd size, or too little data.
    """
    if encoding not in DEPTH_TYPES:
        raise ImageError(
            f"depth encoding {encoding!r} is not understood; "
            "use 16UC1 (millimetres) or 32FC1 (metres)"
        )
    kind, unit = DEPTH_TYPES[encoding]
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
