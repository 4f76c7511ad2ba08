"""LZF decompression, as in compressed PCD files."""

from __future__ import annotations

import numpy as np

from seg3d_ros.errors import InputError
from seg3d_ros.kernels import kernel
from seg3d_ros.scene import UInt8

_LITERALS = 32  # control bytes below it announce bytes that follow as they are


def decompress(data: UInt8, size: int) -> UInt8:
    """Decompress a block of LZF.

    Args:
        data: compressed bytes.
        size: bytes that come out.

    Raises:
        InputError: the block is damaged or gives another number of bytes.
    """
    result = np.empty(size, np.uint8)
    written = _decompress(data, result)
    if written != size:
        raise InputError(f"a compressed block of {size} bytes is damaged")
    return result


@kernel
def _decompress(data, result):  # type: ignore[no-untyped-def]
    """Fill `result`; returns the number of bytes written, -1 where data is damaged."""
    at, written = 0, 0
    while at < data.size:
        control = int(data[at])
        at += 1
        if control < _LITERALS:
            length = control + 1
            if at + length > data.size or written + length > result.size:
                return -1
            for k in range(length):
                result[written + k] = data[at + k]
            at += length
            written += length
            continue
        length = (control >> 5) + 2
        if length == 9:
            if at >= data.size:
                return -1
            length += int(data[at])
            at += 1
        if at >= data.size:
            return -1
        source = written - ((control & 31) << 8) - int(data[at]) - 1
        at += 1
        if source < 0 or written + length > result.size:
            return -1
        for k in range(length):  # one by one: the pieces may overlap
            result[written + k] = result[source + k]
        written += length
    return written
