"""Orders of queries along space-filling curves.

Curves run through cells of one metre, so that many queries share a code: sorting has to be
stable, or the order among them is a matter of the machine.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from seg3d_ros.sparse.curves import MAX_BITS, hilbert_codes, morton_codes

_FARTHEST = (1 << MAX_BITS) - 1  # cells that a code has room for
ORDERS = ("hilbert", "hilbert-trans", "z", "z-trans")


def curve_codes(positions: Tensor, orders: Sequence[str]) -> Tensor:
    """Codes along R curves, (R, Q) int64.

    Args:
        positions: (Q, 3) metres, Q >= 1.
        orders: of `ORDERS`; "-trans" exchanges x and y.
    """
    moved = (positions - positions.amin(0)).nan_to_num().clamp(max=_FARTHEST)
    depth = int(moved.max()).bit_length()  # the one step that waits for the device
    cells = moved.long()
    both = torch.cat([cells, cells[:, [1, 0, 2]]])  # at once: the steps cost more than the numbers
    codes = {}
    if any(order.startswith("hilbert") for order in orders):
        hilbert = hilbert_codes(both, bits=max(depth, 1))
        codes["hilbert"], codes["hilbert-trans"] = hilbert.chunk(2)
    if any(order.startswith("z") for order in orders):
        codes["z"], codes["z-trans"] = morton_codes(both, "zyx").chunk(2)
    return torch.stack([codes[order] for order in orders]) | 1 << 3 * depth


def curve_orders(positions: Tensor, orders: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Rows in the order of each of R curves, and the places of the rows in it.

    Args:
        positions: (Q, 3) metres, finite.
        orders: of `ORDERS`.

    Returns:
        (R, Q) int64 rows and (R, Q) int64 places.
    """
    rows = curve_codes(positions, orders).argsort(dim=1, stable=True)
    return rows, rows.argsort(dim=1)
