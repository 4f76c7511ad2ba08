"""Queries that look for masks in an image, and an embedding of each in the space of CLIP.

Cheng et al., "Masked-attention Mask Transformer for Universal Image Segmentation", CVPR 2022;
embeddings as in Xu et al., "Open-Vocabulary Panoptic Segmentation with Text-to-Image Diffusion
Models", CVPR 2023.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from seg3d_ros.networks.xmask3d.layers import MLP, sine_positions
from seg3d_ros.networks.xmask3d.pixel_decoder import PixelFeatures
from seg3d_ros.networks.xmask3d.point_branch import CLIP_WIDTH

_LEVELS = 3
_MAX_SCALE = 100.0  # of cosines


@dataclass(frozen=True, eq=False)
class QueryMasks:
    """Masks of Q queries in B images.

    Attributes:
        logits: (B, Q, H, W) of the masks, on the grid of the finest features.
        embeddings: (B, Q, D) in the space of CLIP.
    """

    logits: Tensor
    embeddings: Tensor


class CrossAttention(nn.Module):
    """Attention of queries to the pixels of one level."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.multihead_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, places: Tensor, pixels: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Attend.

        Args:
            x: (B, Q, C) queries.
            places: (Q, C) learned encoding of the queries.
            pixels: features (B, P, C), their encoding (P, C), and which are hidden, (B, Q, P).

        Returns:
            (B, Q, C).
        """
        values, positions, hidden = pixels
        away = hidden.repeat_interleave(self.multihead_attn.num_heads, 0)
        seen, _ = self.multihead_attn(
            x + places, values + positions, values, attn_mask=away, need_weights=False
        )
        out: Tensor = self.norm(x + seen)
        return out


class SelfAttention(nn.Module):
    """Attention of queries to each other."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, places: Tensor) -> Tensor:
        """(B, Q, C) and the encoding (Q, C) -> (B, Q, C)."""
        placed = x + places
        seen, _ = self.self_attn(placed, placed, x, need_weights=False)
        out: Tensor = self.norm(x + seen)
        return out


class FeedForward(nn.Module):
    """Two linear layers with their residual."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(width, hidden)
        self.linear2 = nn.Linear(hidden, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, Q, C) -> (B, Q, C)."""
        out: Tensor = self.norm(x + self.linear2(self.linear1(x).relu()))
        return out


class PooledEmbedding(nn.Module):
    """Embedding of a mask from the features under it and from its query."""

    def __init__(self, width: int, clip_width: int) -> None:
        super().__init__()
        self.logit_scale = nn.Parameter(torch.tensor(1 / 0.07).log())
        self.pool_proj = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width))
        self.mask_embed = nn.Sequential(nn.LayerNorm(width), MLP(width, width, width, clip_width))

    def forward(self, queries: Tensor, pixels: Tensor, logits: Tensor) -> Tensor:
        """Embed.

        Args:
            queries: (B, Q, C), normalised.
            pixels: (B, C, H, W) features.
            logits: (B, Q, H, W) of the masks.

        Returns:
            (B, Q, D).
        """
        inside = (logits.sigmoid() > 0.5).to(pixels.dtype)
        sums = torch.einsum("bqhw,bchw->bqc", inside, pixels)
        pooled = sums / (inside.sum((2, 3))[..., None] + 1e-8)
        out: Tensor = self.mask_embed(self.pool_proj(pooled) + queries)
        return out

    @property
    def scale(self) -> Tensor:
        """Factor of all cosines of the system."""
        return self.logit_scale.exp().clamp(max=_MAX_SCALE)


class QueryDecoder(nn.Module):
    """Layers of attention to one level after the other, within the masks found so far.

    Args:
        width: channels, C.
        clip_width: D of the embeddings.
        queries: Q.
        heads: of the attention.
        hidden: channels of the feed-forward networks.
        layers: of the decoder.
    """

    def __init__(
        self,
        width: int = 256,
        clip_width: int = CLIP_WIDTH,
        *,
        queries: int = 50,
        heads: int = 8,
        hidden: int = 2048,
        layers: int = 9,
    ) -> None:
        super().__init__()
        self.transformer_self_attention_layers = nn.ModuleList(
            SelfAttention(width, heads) for _ in range(layers)
        )
        self.transformer_cross_attention_layers = nn.ModuleList(
            CrossAttention(width, heads) for _ in range(layers)
        )
        self.transformer_ffn_layers = nn.ModuleList(
            FeedForward(width, hidden) for _ in range(layers)
        )
        self.decoder_norm = nn.LayerNorm(width)
        self.query_feat = nn.Embedding(queries, width)
        self.query_embed = nn.Embedding(queries, width)
        self.level_embed = nn.Embedding(_LEVELS, width)
        self.mask_embed = MLP(width, width, width, width)
        self.post_mask_embed = PooledEmbedding(width, clip_width)

    def forward(self, features: PixelFeatures) -> list[QueryMasks]:
        """Masks before the first layer and after each; the last ones count."""
        levels = [
            (level.flatten(2).transpose(1, 2) + of_level, _positions(level))
            for level, of_level in zip(features.levels, self.level_embed.weight, strict=True)
        ]
        batch, places = len(features.masks), self.query_embed.weight
        x = self.query_feat.weight.expand(batch, -1, -1)
        found = [self._masks(x, features)]
        for i, (cross, own, feed) in enumerate(
            zip(
                self.transformer_cross_attention_layers,
                self.transformer_self_attention_layers,
                self.transformer_ffn_layers,
                strict=True,
            )
        ):
            level = i % _LEVELS
            hidden = _outside(found[-1].logits, features.levels[level].shape[2:])
            x = feed(own(cross(x, places, (*levels[level], hidden)), places))
            found.append(self._masks(x, features))
        return found

    def _masks(self, x: Tensor, features: PixelFeatures) -> QueryMasks:
        queries = self.decoder_norm(x)
        logits = torch.einsum("bqc,bchw->bqhw", self.mask_embed(queries), features.masks)
        return QueryMasks(logits, self.post_mask_embed(queries, features.masks, logits))


def _positions(level: Tensor) -> Tensor:
    """(H W, C) encoding of the pixels of a level (B, C, H, W)."""
    _, channels, height, width = level.shape
    return sine_positions(height, width, channels, like=level)


def _outside(logits: Tensor, shape: tuple[int, ...]) -> Tensor:
    """(B, Q, P) bool, pixels outside of a mask; a mask without any hides nothing."""
    resized = interpolate(logits.detach(), shape, mode="bilinear", align_corners=False)
    hidden = (resized.sigmoid() < 0.5).flatten(2)
    return hidden & ~hidden.all(2, keepdim=True)
