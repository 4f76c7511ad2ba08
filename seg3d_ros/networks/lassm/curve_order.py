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


def curve_codes(positions: Tensor, order: str) -> Tensor:
    """Codes along a curve, (Q,) int64.

    Args:
        positions: (Q, 3) metres, Q >= 1.
        order: one of `ORDERS`; "-trans" exchanges x and y.
    """
    moved = (positions - positions.amin(0)).nan_to_num().clamp(max=_FARTHEST)
    depth = int(moved.max()).bit_length()
    cells = moved.long()
    if order.endswith("-trans"):
        cells = cells[:, [1, 0, 2]]
    along = order.removesuffix("-trans")
    codes = (
        hilbert_codes(cells, bits=max(depth, 1))
        if along == "hilbert"
        else morton_codes(cells, "zyx")
    )
    return codes | 1 << 3 * depth


def curve_orders(positions: Tensor, orders: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Rows in the order of each of R curves, and the places of the rows in it.

    Args:
        positions: (Q, 3) metres, finite.
        orders: of `ORDERS`.

    Returns:
        (R, Q) int64 rows and (R, Q) int64 places.
    """
    rows = torch.stack([curve_codes(positions, o).argsort(stable=True) for o in orders])
    return rows, rows.argsort(dim=1)
