"""Readings of queries."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Heads:
    """Readings of Q queries at one stage.

    Attributes:
        labels: (Q, C + 1) class logits, the last one for "no object".
        offsets: (Q, 3) step of the queries' positions, metres.
        positions: (Q, 3) of the queries after the step, metres: the centres of their objects.
        queries: (Q, D) normalised.
        mask_features: (S, D) of the superpoints.
    """

    labels: Tensor
    offsets: Tensor
    positions: Tensor
    queries: Tensor
    mask_features: Tensor

    @cached_property
    def masks(self) -> Tensor:
        """(Q, S) logits over the superpoints; a product that not every stage needs."""
        return self.queries.to(self.mask_features.dtype) @ self.mask_features.t()
