"""Compressed depth images, as ROS's compressed_depth_image_transport writes them."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.kernels import kernel
from seg3d_ros.scene import Float32
from seg3d_ros.sensing.image_decoder import DEPTH_TYPES, MAX_SIDE, ImageError

_PNG = b"\x89PNG"
_HEADER = struct.Struct("<iff")  # kind of quantisation, and its two parameters
_RVL_SIZE = struct.Struct("<II")  # width, height

Depth16 = npt.NDArray[np.uint16]


def decode_compressed_depth(form: str, data: Any) -> tuple[Depth16 | Float32, float]:
    """Read a sensor_msgs/CompressedImage with depth.

    The data are a PNG file of 16 bits, or a header followed by such a file or by RVL data
    (Wilson, ISS 2017). Depth of 32FC1 is quantised by its inverse with the header's parameters.

    Args:
        form: field `format`: encoding of the image, then the compression.
        data: any object with the buffer protocol.

    Returns:
        ((H, W) uint16 or float32, metres of one unit), as `decode_depth`.

    Raises:
        ImageError: unknown format, or damaged data.
    """
    encoding = form.partition(";")[0].strip() or "16UC1"
    if encoding not in DEPTH_TYPES:
        raise ImageError(
            f"compressed depth of format {form!r} is not understood; "
            "use 16UC1 or 32FC1 with compressedDepth png or rvl"
        )
    unit = DEPTH_TYPES[encoding][1]
    raw = bytes(data)
    if raw.startswith(_PNG):
        if encoding == "32FC1":
            raise ImageError("32FC1 as a bare PNG has lost its values; use compressedDepth")
        return _read_png(raw), unit
    if len(raw) < _HEADER.size:
        raise ImageError(f"compressed depth holds {len(raw)} bytes; its header has 12")
    _, scale, shift = _HEADER.unpack_from(raw)
    body = raw[_HEADER.size :]
    values = _read_rvl(body) if "rvl" in form.lower() else _read_png(body)
    return (_from_inverse(values, scale, shift) if encoding == "32FC1" else values), unit


def _from_inverse(values: Depth16, scale: float, shift: float) -> Float32:
    """Metres of quantised inverse depth; NaN where nothing was measured."""
    with np.errstate(all="ignore"):
        metres = np.float32(scale) / (values.astype(np.float32) - np.float32(shift))
    return np.where(values > 0, metres, np.float32(np.nan))


def _read_png(data: bytes) -> Depth16:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            if max(image.size) > MAX_SIDE:
                raise ImageError(f"compressed depth is {image.size}; at most {MAX_SIDE} a side")
            values = np.asarray(image)
    except ImageError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(f"compressed depth cannot be decoded: {error}") from error
    if values.ndim != 2 or values.dtype.itemsize < 2:
        raise ImageError(f"compressed depth is a PNG of {image.mode!r}; 16 bits are expected")
    return values.astype(np.uint16, copy=False)


def _read_rvl(data: bytes) -> Depth16:
    if len(data) < _RVL_SIZE.size:
        raise ImageError("compressed depth (rvl) is cut short")
    width, height = _RVL_SIZE.unpack_from(data)
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise ImageError(f"compressed depth is {width} x {height}; at most {MAX_SIDE} a side")
    body = data[_RVL_SIZE.size :]
    words = np.frombuffer(body, "<u4", len(body) // 4)
    values = np.zeros(width * height, np.uint16)
    if not _decode_rvl(words, values):
        raise ImageError("compressed depth (rvl) is damaged")
    return values.reshape(height, width)


@kernel(inline="always")
def _next_number(words, place):  # type: ignore[no-untyped-def]
    """Number from a nibble on, three bits in each, and the place after it; -1 at the end."""
    number = np.int64(0)
    shift = 0
    while place >> 3 < words.size and shift < 32:
        nibble = np.int64(words[place >> 3] >> np.uint32(28 - 4 * (place & 7))) & 15
        number |= (nibble & 7) << shift
        shift += 3
        place += 1
        if not nibble & 8:
            return number, place
    return np.int64(-1), place


@kernel
def _decode_rvl(words, values):  # type: ignore[no-untyped-def]
    """Fill in runs of zeros and of differences; False when they do not fit the image."""
    done, place, previous = 0, 0, np.int64(0)
    while done < values.size:
        zeros, place = _next_number(words, place)
        if zeros < 0 or zeros > values.size - done:
            return False
        done += zeros
        count, place = _next_number(words, place)
        if count < 0 or count > values.size - done:
            return False
        for _ in range(count):
            folded, place = _next_number(words, place)
            if folded < 0:
                return False
            previous += (folded >> 1) ^ -(folded & 1)
            values[done] = np.uint16(previous & 0xFFFF)
            done += 1
    return True
