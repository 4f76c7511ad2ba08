"""Layers of SpaCeFormer's query decoder; all normalise after the residual."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, relu, scaled_dot_product_attention

from seg3d_ros.sparse.rope import rotate, rotation_table


class CrossAttention(nn.Module):
    """Queries look at the points of a scene.

    Keys and values do not change between iterations, so they are projected once.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.multihead_attn = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.norm = nn.LayerNorm(channels)

    def keys_and_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C) -> two (H, N, D)."""
        _, keys, values = _projections(self.multihead_attn)
        heads = self.multihead_attn.num_heads
        return _split(linear(x, *keys), heads), _split(linear(x, *values), heads)

    def forward(self, q: Tensor, memory: tuple[Tensor, Tensor], allowed: Tensor) -> Tensor:
        """(Q, C) queries, keys and values, (Q, N) bool which keys they see -> (Q, C)."""
        queries, _, _ = _projections(self.multihead_attn)
        heads = _split(linear(q, *queries), self.multihead_attn.num_heads)
        return self.norm(q + _attend(self.multihead_attn, heads, *memory, mask=allowed))


class SelfAttention(nn.Module):
    """Queries look at each other."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(channels, heads, batch_first=True)
        self.norm = nn.LayerNorm(channels)

    def forward(self, q: Tensor) -> Tensor:
        """(Q, C) -> (Q, C)."""
        heads = self.self_attn.num_heads
        parts = (_split(linear(q, *part), heads) for part in _projections(self.self_attn))
        return self.norm(q + _attend(self.self_attn, *parts))


class FeedForward(nn.Module):
    """Two linear layers around a ReLU."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(channels, hidden)
        self.linear2 = nn.Linear(hidden, channels)
        self.norm = nn.LayerNorm(channels)

    def forward(self, q: Tensor) -> Tensor:
        """(Q, C) -> (Q, C)."""
        return self.norm(q + self.linear2(relu(self.linear1(q))))


class QueryProjection(nn.Module):
    """Projection of positions to queries; both layers end in a ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, channels), nn.ReLU()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(Q, C) -> (Q, C)."""
        return self.layers(x)


class UnusedEncoding(nn.Module):
    """A table that the checkpoint carries and nothing reads."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("gauss_B", torch.zeros(3, channels // 2))


class PositionRotation:
    """Rotations of flat (N, C) vectors by metric positions."""

    def __init__(self, channels: int, *, heads: int, base: float) -> None:
        self.heads, self.base = heads, base
        self.head_dim = channels // heads

    def __call__(self, x: Tensor, positions: Tensor) -> Tensor:
        """Turn (N, C) by (N, 3), or all rows alike by (1, 3)."""
        table = rotation_table(positions, head_dim=self.head_dim, base=self.base)
        return rotate(x.view(len(x), self.heads, -1), table).flatten(1)


def _projections(attention: nn.MultiheadAttention) -> list[tuple[Tensor, Tensor]]:
    """Weight and bias for queries, keys and values."""
    weights = attention.in_proj_weight.chunk(3)
    biases = attention.in_proj_bias.chunk(3)
    return list(zip(weights, biases, strict=True))


def _split(x: Tensor, heads: int) -> Tensor:
    """(N, C) -> (H, N, D)."""
    return x.view(len(x), heads, -1).transpose(0, 1)


def _attend(
    attention: nn.MultiheadAttention,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    mask: Tensor | None = None,
) -> Tensor:
    """Attention of heads (H, Q, D) over (H, N, D), put together and projected: (Q, C)."""
    q, k, v = (part[None] for part in (q, k, v))
    keys_seen = None if mask is None else mask[None, None]
    out = scaled_dot_product_attention(q, k, v, attn_mask=keys_seen)
    return attention.out_proj(out[0].transpose(0, 1).flatten(1))
