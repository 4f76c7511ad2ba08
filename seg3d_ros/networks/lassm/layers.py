"""Layers of the LaSSM decoder; each one updates the queries of a scene."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag

from seg3d_ros.networks.lassm.curve_order import curve_orders
from seg3d_ros.networks.lassm.heads import Heads
from seg3d_ros.networks.lassm.mamba import Mamba2
from seg3d_ros.networks.point_operations import find_nearest


class MaskedAttention(nn.Module):
    """Cross attention of queries to the superpoints inside their masks.

    Args:
        width: channels.
        heads: of the attention.
    """

    def __init__(self, width: int, *, heads: int = 8) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm = nn.LayerNorm(width)

    def forward(self, queries: Tensor, features: Tensor, masks: Tensor) -> Tensor:
        """Attend.

        Args:
            queries: (Q, C).
            features: (S, C) of the superpoints.
            masks: (Q, S) logits, negative for superpoints outside; a query with nothing inside
                sees everything.

        Returns:
            (Q, C).
        """
        best = masks.amax(1, keepdim=True)
        inside = masks >= torch.where(best < 0, -torch.inf, 0.0)
        # Adding the lowest number hides as -inf does, and takes a tenth of its time.
        hidden = (inside.to(queries.dtype) - 1) * torch.finfo(queries.dtype).max
        seen, _ = self.attn(
            queries[None],
            features[None],
            features[None],
            attn_mask=hidden,
            need_weights=False,
        )
        out: Tensor = self.norm(queries + seen[0])
        return out


class LocalAggregation(nn.Module):
    """Attention to the superpoints nearest to a query; weights depend on their rank alone.

    Args:
        width: channels.
        neighbors: superpoints of each query.
    """

    def __init__(self, width: int, *, neighbors: int = 8) -> None:
        super().__init__()
        self.neighbors = neighbors
        self.w_q, self.w_v, self.w_o = (
            nn.Parameter(nn.init.xavier_uniform_(torch.empty(width, width))) for _ in range(3)
        )
        self.w_k = nn.Parameter(nn.init.xavier_uniform_(torch.empty(neighbors, width)))
        self.w_b = nn.Parameter(torch.zeros(neighbors))
        self.norm = nn.LayerNorm(width)

    def forward(
        self, queries: Tensor, positions: Tensor, features: Tensor, centers: Tensor
    ) -> Tensor:
        """Aggregate.

        Args:
            queries: (Q, C).
            positions: (Q, 3) of the queries, metres.
            features: (S, C) of the superpoints.
            centers: (S, 3) of the superpoints, metres.

        Returns:
            (Q, C).
        """
        count = min(self.neighbors, len(centers))
        nearest = find_nearest(centers[None], positions[None], count)[0]
        query = queries @ self.w_q.t()
        slots = (query @ self.w_k.t() + self.w_b).softmax(1)[:, :count]  # missing ones are zero
        slots = slots.to(features.dtype).contiguous()
        # The values are linear: fewer queries than superpoints have to be multiplied.
        near = embedding_bag(nearest, features, mode="sum", per_sample_weights=slots)
        mixed = near @ self.w_v.t() * query
        out: Tensor = self.norm(mixed @ self.w_o.t() + queries)
        return out


class StateSpace(nn.Module):
    """Mamba-2 blocks along several orders of the queries.

    Args:
        width: channels.
        blocks: one after another; they share their norms.
        orders: of the queries, see `curve_order`; all through the same block.
    """

    def __init__(self, width: int, *, blocks: int, orders: Sequence[str]) -> None:
        super().__init__()
        self.orders = tuple(orders)
        self.layers = nn.ModuleList(Mamba2(width) for _ in range(blocks))
        self.pre_norm = nn.LayerNorm(width)
        self.final_norm = nn.LayerNorm(width)

    def outputs(self) -> list[Tensor]:
        """Weights of the blocks' last products."""
        return [cast(Mamba2, block).out_proj.weight for block in self.layers]

    def forward(self, queries: Tensor, positions: Tensor) -> Tensor:
        """(Q, C) queries at (Q, 3) positions, metres -> (Q, C)."""
        rows, places = curve_orders(positions, self.orders)
        for layer in self.layers:
            queries = self.final_norm(layer(self.pre_norm(queries), rows, places) + queries)
        return queries


class FeedForward(nn.Module):
    """Two products with GELU in between.

    Args:
        width: channels.
        inner: channels in between.
    """

    def __init__(self, width: int, *, inner: int = 1024) -> None:
        super().__init__()
        # The third place is that of the dropout, which the weights' names count.
        self.ffn = nn.Sequential(
            nn.Linear(width, inner), nn.GELU(), nn.Identity(), nn.Linear(inner, width)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, queries: Tensor) -> Tensor:
        """(Q, C) -> (Q, C)."""
        out: Tensor = self.norm(queries + self.ffn(queries))
        return out


class DecoderLayer(nn.Module):
    """Superpoints to queries, then queries to queries.

    Args:
        width: channels.
        attention: whether queries see the superpoints of their masks, or else the nearest ones.
        neighbors: these.
        blocks: of the state-space part.
        orders: of the queries there.
    """

    def __init__(
        self, width: int, *, attention: bool, neighbors: int, blocks: int, orders: Sequence[str]
    ) -> None:
        super().__init__()
        self.attention = attention
        if attention:
            self.cross_attn = MaskedAttention(width)
        else:
            self.aggregation = LocalAggregation(width, neighbors=neighbors)
        self.ssm = StateSpace(width, blocks=blocks, orders=orders)
        self.ffn = FeedForward(width)

    @torch.no_grad()
    def quieten(self, factor: float) -> None:
        """Scale the weights of what is added to the queries."""
        mixed = self.cross_attn.attn.out_proj.weight if self.attention else self.aggregation.w_o
        for weight in (mixed, self.ffn.ffn[3].weight, *self.ssm.outputs()):
            cast(Tensor, weight).mul_(factor)

    def forward(self, queries: Tensor, last: Heads, features: Tensor, centers: Tensor) -> Tensor:
        """Update the queries.

        Args:
            queries: (Q, C).
            last: their readings so far.
            features: (S, C) of the superpoints.
            centers: (S, 3) of the superpoints, metres.

        Returns:
            (Q, C).
        """
        if self.attention:
            queries = self.cross_attn(queries, features, last.masks.detach())
        else:
            queries = self.aggregation(queries, last.positions, features, centers)
        out: Tensor = self.ffn(self.ssm(queries, last.positions))
        return out
