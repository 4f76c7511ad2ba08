"""Attention inside groups of any size, through scaled_dot_product_attention.

Groups are taken from the longest to the shortest and batched while the shortest of a batch is
at least `SHORTEST` of the longest. A batch of equal groups, which is what a curve gives, needs
neither padding nor a mask; in the others keys behind the end of a group are masked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from seg3d_ros.scene import Int64
from seg3d_ros.sparse.grouping import Groups

SHORTEST = 0.7  # of the longest group in a batch


@dataclass(frozen=True, eq=False)
class _Batch:
    """Groups that attend together.

    Attributes:
        rows: their part of the rows in order.
        groups: how many they are.
        padding: (index (groups * longest,) of the row at each place, keys (groups, 1, 1, longest)
            bool that exist, places (rows,) of the rows that exist); None where all are equal.
    """

    rows: slice
    groups: int
    padding: tuple[Tensor, Tensor, Tensor] | None

    def __call__(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attention of (rows, H, D) queries, keys and values."""
        if self.padding is None:
            return self._attend(q, k, v, None)
        index, keys, places = self.padding
        q, k, v = (part.index_select(0, index) for part in (q, k, v))
        return self._attend(q, k, v, keys).index_select(0, places)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        shape = self.groups, -1, *q.shape[1:]
        q, k, v = (part.reshape(shape).transpose(1, 2) for part in (q, k, v))
        out = scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return out.transpose(1, 2).flatten(0, 1)


def grouped_attention(q: Tensor, k: Tensor, v: Tensor, groups: Groups) -> Tensor:
    """Let each row attend to the rows of its group.

    Args:
        q: (N, H, D) queries.
        k: (N, H, D) keys.
        v: (N, H, D) values.
        groups: a partition of the N rows.

    Returns:
        (N, H, D) `softmax(q kᵀ / √D) v` within each group.
    """
    if not groups.lengths:
        return v
    if "attention" not in groups.plans:
        groups.plans["attention"] = _plan(groups)
    order, back, batches = groups.plans["attention"]
    q, k, v = (part.index_select(0, order) for part in (q, k, v))
    parts = [batch(q[batch.rows], k[batch.rows], v[batch.rows]) for batch in batches]
    return torch.cat(parts).index_select(0, back)


def _plan(groups: Groups) -> tuple[Tensor, Tensor, list[_Batch]]:
    """Rows from the longest group to the shortest, the way back, and the batches."""
    device = groups.order.device
    lengths = np.array(groups.lengths)
    by_length = np.argsort(-lengths, kind="stable")
    starts = np.cumsum(lengths) - lengths
    within = _ranges(lengths[by_length])
    places = np.repeat(starts[by_length], lengths[by_length]) + within
    order = groups.order[torch.from_numpy(places).to(device)]
    back = torch.empty_like(order)
    back[order] = torch.arange(len(order), device=device)
    return order, back, list(_batches(lengths[by_length], device))


def _ranges(lengths: Int64) -> Int64:
    """0, 1, … up to each length, one after another."""
    return np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)


def _batches(lengths: Int64, device: torch.device) -> Iterator[_Batch]:
    """Cut descending lengths into batches."""
    first, row = 0, 0
    while first < len(lengths):
        last = int(np.searchsorted(-lengths, -SHORTEST * lengths[first], side="right"))
        part = lengths[first:last]
        padding = None if part[0] == part[-1] else _padding(part, device)
        yield _Batch(slice(row, row + int(part.sum())), len(part), padding)
        first, row = last, row + int(part.sum())


def _padding(lengths: Int64, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    longest = int(lengths[0])
    starts = np.cumsum(lengths) - lengths
    exists = np.arange(longest) < lengths[:, None]
    index = np.where(exists, starts[:, None] + np.arange(longest), starts[:, None]).ravel()
    return (
        torch.from_numpy(index).to(device),
        torch.from_numpy(exists[:, None, None]).to(device),
        torch.from_numpy(np.flatnonzero(exists)).to(device),
    )
