"""Readings of queries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Heads:
    """Readings of Q queries at one stage; what not every stage needs is made when asked for.

    Attributes:
        offsets: (Q, 3) step of the queries' positions, metres.
        positions: (Q, 3) of the queries after the step, metres: the centres of their objects.
        queries: (Q, D) normalised.
        mask_features: (S, D) of the superpoints.
        classify: from queries to class logits.
    """

    offsets: Tensor
    positions: Tensor
    queries: Tensor
    mask_features: Tensor
    classify: Callable[[Tensor], Tensor]

    @cached_property
    def labels(self) -> Tensor:
        """(Q, C + 1) class logits, the last one for "no object"."""
        return self.classify(self.queries)

    @cached_property
    def masks(self) -> Tensor:
        """(Q, S) logits over the superpoints."""
        return self.queries.to(self.mask_features.dtype) @ self.mask_features.t()
