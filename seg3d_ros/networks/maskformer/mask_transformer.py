"""The transformer of MaskFormer: learned queries look at each other and at all points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

_FREQUENCIES = 16  # of the position encoding; 1, 2, 4, … waves to the metre


@dataclass(frozen=True, eq=False)
class SceneMemory:
    """Keys and values that the queries of a scene attend to.

    Attributes:
        features: (V, C) of its voxels.
        points: (P, 3) metres.
        rows: (P,) int64 voxel of each point.
    """

    features: Tensor
    points: Tensor
    rows: Tensor

    def to_points(self, of_voxels: Tensor) -> Tensor:
        """(V, D) -> (P, D): each point gets the row of its voxel."""
        return of_voxels.index_select(0, self.rows)


class FourierEncoding(nn.Module):
    """Waves along each axis: (P, 3) -> (P, 99)."""

    freqs: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("freqs", 2 * torch.pi * 2.0 ** torch.arange(_FREQUENCIES))

    def forward(self, points: Tensor) -> Tensor:
        """For each axis cosines, sines and the coordinate itself; in metres and float32."""
        phases = points[:, :, None] * self.freqs
        return torch.cat([phases.cos(), phases.sin(), points[:, :, None]], dim=2).flatten(1)


class KeyPositions(nn.Module):
    """Positional encoding of keys, shared by all heads."""

    def __init__(self, head_dim: int) -> None:
        super().__init__()
        self.encoding = nn.Sequential(
            FourierEncoding(), nn.Linear(3 * (2 * _FREQUENCIES + 1), head_dim)
        )

    def forward(self, points: Tensor) -> Tensor:
        """(P, 3) metres -> (P, D)."""
        return self.encoding(points)


class KeysAndValues(nn.Module):
    """Two projections without bias in one weight."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(2, channels, channels))
        nn.init.uniform_(self.weight, -(channels**-0.5), channels**-0.5)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C) -> two (N, C)."""
        keys, values = self.weight
        return x @ keys, x @ values


class CrossAttention(nn.Module):
    """Queries look at the points of their scene."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(channels, channels, bias=False)
        self.kv = KeysAndValues(channels)
        self.to_attn = KeyPositions(channels // heads)
        self.proj = nn.Linear(channels, channels)

    def forward(self, queries: Tensor, scenes: Sequence[SceneMemory]) -> Tensor:
        """(B, Q, C) queries, B scenes -> (B, Q, C)."""
        q = self._split(self.q(queries))
        seen = [self._look(own, scene) for own, scene in zip(q, scenes, strict=True)]
        return self.proj(torch.stack(seen).transpose(1, 2).flatten(2))

    def _look(self, q: Tensor, scene: SceneMemory) -> Tensor:
        """(H, Q, D) -> (H, Q, D)."""
        # Points that share a voxel share its features: projected before they are copied.
        keys, values = (self._split(scene.to_points(part)) for part in self.kv(scene.features))
        keys = keys + self.to_attn(scene.points).to(keys.dtype)
        return scaled_dot_product_attention(q[None], keys[None], values[None])[0]

    def _split(self, x: Tensor) -> Tensor:
        """(…, N, C) -> (…, H, N, D)."""
        return x.view(*x.shape[:-1], self.heads, -1).transpose(-3, -2)


class FeedForward(nn.Module):
    """Two linear layers around a GELU."""

    def __init__(self, channels: int, hidden: int, *, dropout: float) -> None:
        super().__init__()
        self.linear1 = nn.Linear(channels, hidden)
        self.linear2 = nn.Linear(hidden, channels)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(channels)

    def forward(self, q: Tensor) -> Tensor:
        """(B, Q, C) -> (B, Q, C)."""
        return self.norm(q + self.linear2(self.dropout(gelu(self.linear1(q)))))


class DecoderLayer(nn.Module):
    """Self attention, cross attention, feed-forward; each normalises after the residual."""

    def __init__(self, channels: int, heads: int, *, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(channels, heads, dropout=dropout, batch_first=True)
        self.self_attn_norm = nn.LayerNorm(channels)
        self.cross_attn = CrossAttention(channels, heads)
        self.cross_attn_norm = nn.LayerNorm(channels)
        self.ffn = FeedForward(channels, feedforward, dropout=dropout)

    def forward(self, q: Tensor, scenes: Sequence[SceneMemory]) -> Tensor:
        """(B, Q, C) -> (B, Q, C)."""
        q = self.self_attn_norm(q + self.self_attn(q, q, q, need_weights=False)[0])
        q = self.cross_attn_norm(q + self.cross_attn(q, scenes))
        return self.ffn(q)


class MaskTransformer(nn.Module):
    """All layers; the learned queries start from zero and are added again before each."""

    def __init__(
        self,
        channels: int,
        *,
        num_queries: int,
        num_layers: int,
        num_heads: int,
        feedforward: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.query_embed = nn.Embedding(num_queries, channels)
        self.layers = nn.ModuleList(
            DecoderLayer(channels, num_heads, feedforward=feedforward, dropout=dropout)
            for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(channels)

    def forward(self, scenes: Sequence[SceneMemory]) -> list[Tensor]:
        """Normalised queries (B, Q, C) after each layer."""
        learned = self.query_embed.weight
        q = learned.new_zeros(len(scenes), *learned.shape)
        after = []
        for layer in self.layers:
            q = layer(q + learned, scenes)
            after.append(self.norm(q))
        return after
