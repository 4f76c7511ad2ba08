"""Space-filling curves: integer codes whose order keeps close cells close.

Cells are (N, 3) integers from 0 up to 2**bits - 1; codes are (N,) int64.
"""

from __future__ import annotations

import torch
from torch import Tensor

MAX_BITS = 20


def morton_codes(cells: Tensor, axes: str = "xyz") -> Tensor:
    """Interleave the bits of the coordinates; the first of `axes` takes the lowest bit."""
    columns = cells.long().unbind(-1)
    x, y, z = (_spread(columns["xyz".index(axis)]) for axis in axes)
    return x | (y << 1) | (z << 2)


def hilbert_codes(cells: Tensor, *, bits: int = MAX_BITS) -> Tensor:
    """Position along the Hilbert curve through a cube of 2**bits cells, x most significant.

    J. Skilling, "Programming the Hilbert curve", AIP Conference Proceedings 707 (2004), with
    all cells taken through the same steps at once.
    """
    columns = list(cells.long().unbind(-1))
    for bit in range(bits - 1, 0, -1):
        low = (1 << bit) - 1
        for axis in range(3):
            is_set = (columns[axis] >> bit & 1).bool()
            exchanged = (columns[0] ^ columns[axis]) & low
            columns[0] = columns[0] ^ torch.where(is_set, low, exchanged)
            if axis:
                columns[axis] = columns[axis] ^ torch.where(is_set, 0, exchanged)
    columns[1] = columns[1] ^ columns[0]
    columns[2] = columns[2] ^ columns[1]
    flips = torch.zeros_like(columns[2])
    for bit in range(bits - 1, 0, -1):
        flips ^= (columns[2] >> bit & 1) * ((1 << bit) - 1)
    return morton_codes(torch.stack([column ^ flips for column in columns], dim=-1), "zyx")


def _spread(values: Tensor) -> Tensor:
    """Put two zero bits between the bits of numbers below 2**21."""
    for shift, mask in (
        (32, 0x1F00000000FFFF),
        (16, 0x1F0000FF0000FF),
        (8, 0x100F00F00F00F00F),
        (4, 0x10C30C30C30C30C3),
        (2, 0x1249249249249249),
    ):
        values = (values | (values << shift)) & mask
    return values
