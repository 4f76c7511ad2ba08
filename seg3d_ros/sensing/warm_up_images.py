"""Synthetic images for warming up: one of each pixel format that has a kernel of its own."""

from __future__ import annotations

import struct

from seg3d_ros.sensing.compressed_depth import decode_compressed_depth
from seg3d_ros.sensing.image_decoder import decode_color

_SHARED_COLOR = {"yuv422_yuy2": 2, "bayer_rggb8": 1, "bayer_rggb16": 2}  # bytes of a pixel
# Header of the transport, 1 x 1 pixels, a run of one zero and one of no differences.
_RVL = struct.pack("<iffIII", 0, 0.0, 0.0, 1, 1, 0x10000000)


def decode_warm_up_images() -> None:
    """Compile the kernels that decode images."""
    for encoding, size in _SHARED_COLOR.items():
        decode_color(encoding, 2, 2, 2 * size, bytearray(4 * size))
    decode_compressed_depth("16UC1; compressedDepth rvl", _RVL)
