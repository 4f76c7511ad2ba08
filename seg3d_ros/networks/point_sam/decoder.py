"""The mask decoder of Point-SAM: clicks and cloud look at each other, as in Segment Anything.

Kirillov et al., "Segment Anything", 2023, appendix A, with points in the place of pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from seg3d_ros.networks.point_operations import Interpolation
from seg3d_ros.networks.point_sam.config import PointSamConfig
from seg3d_ros.networks.point_sam.transformer import attend

CANDIDATES = 4  # the first for several prompts; the others are three readings of a single click
_SHARP, _BLUNT = 3.0, 2.0  # of attention among hundreds of patches, and among a few tokens
_FINE, _COARSE = 1, 2  # divisors of the width that attention is computed in


class Attention(nn.Module):
    """Attention with a width of its own."""

    def __init__(self, width: int, heads: int, divisor: int) -> None:
        super().__init__()
        inner = width // divisor
        self.q_proj = nn.Linear(width, inner)
        self.k_proj = nn.Linear(width, inner)
        self.v_proj = nn.Linear(width, inner)
        self.out_proj = nn.Linear(inner, width)
        self._heads = heads

    @torch.no_grad()
    def look_up(self, sharpness: float) -> None:
        """Make keys that are like a query those that it attends to."""
        self.q_proj.weight *= sharpness
        self.k_proj.weight.copy_(self.q_proj.weight)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """(B, Q, C) over (B, K, C) -> (B, Q, C)."""
        return self.out_proj(attend(self.q_proj(q), self.k_proj(k), self.v_proj(v), self._heads))


class FeedForward(nn.Module):
    """Two layers around a ReLU."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.lin1 = nn.Linear(width, hidden)
        self.lin2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        return self.lin2(relu(self.lin1(x)))


class TwoWayLayer(nn.Module):
    """Tokens look at themselves and at the cloud, then the cloud at the tokens."""

    def __init__(self, config: PointSamConfig, *, first: bool) -> None:
        super().__init__()
        width, heads = config.width, config.decoder_heads
        self.self_attn = Attention(width, heads, _FINE)
        self.norm1 = nn.LayerNorm(width)
        self.cross_attn_token_to_image = Attention(width, heads, _COARSE)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = FeedForward(width, config.decoder_mlp_width)
        self.norm3 = nn.LayerNorm(width)
        self.norm4 = nn.LayerNorm(width)
        self.cross_attn_image_to_token = Attention(width, heads, _COARSE)
        self._first = first

    def forward(
        self, tokens: Tensor, cloud: Tensor, token_code: Tensor, cloud_code: Tensor
    ) -> tuple[Tensor, Tensor]:
        """(B, T, C) tokens and (B, G, C) cloud, each with its positions -> the same two."""
        if self._first:  # the tokens are their own positions
            tokens = self.self_attn(tokens, tokens, tokens)
        else:
            placed = tokens + token_code
            tokens = tokens + self.self_attn(placed, placed, tokens)
        tokens = self.norm1(tokens)
        placed_cloud = cloud + cloud_code
        seen = self.cross_attn_token_to_image(tokens + token_code, placed_cloud, cloud)
        tokens = self.norm2(tokens + seen)
        tokens = self.norm3(tokens + self.mlp(tokens))
        seen = self.cross_attn_image_to_token(placed_cloud, tokens + token_code, tokens)
        return tokens, self.norm4(cloud + seen)


class TwoWayTransformer(nn.Module):
    """Two-way layers, and a last look of the tokens at the cloud."""

    def __init__(self, config: PointSamConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TwoWayLayer(config, first=i == 0) for i in range(config.decoder_depth)
        )
        self.final_attn_token_to_image = Attention(config.width, config.decoder_heads, _COARSE)
        self.norm_final_attn = nn.LayerNorm(config.width)

    def initialize_lookup(self) -> None:
        """Make tokens attend to the patches around their clicks, and these to the tokens."""
        for layer in self.layers:
            assert isinstance(layer, TwoWayLayer)
            layer.cross_attn_token_to_image.look_up(_SHARP)
            layer.cross_attn_image_to_token.look_up(_BLUNT)
        self.final_attn_token_to_image.look_up(_SHARP)

    def forward(self, tokens: Tensor, cloud: Tensor, cloud_code: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, C) tokens and (B, G, C) cloud -> the same two."""
        code = tokens
        for layer in self.layers:
            tokens, cloud = layer(tokens, cloud, code, cloud_code)
        seen = self.final_attn_token_to_image(tokens + code, cloud + cloud_code, cloud)
        return self.norm_final_attn(tokens + seen), cloud


class ReluMlp(nn.Module):
    """Three layers with ReLUs between."""

    def __init__(self, width: int, hidden: int, out_channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            [nn.Linear(width, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, out_channels)]
        )

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C_out)."""
        first, second, last = self.layers
        return last(relu(second(relu(first(x)))))


class MaskDecoder(nn.Module):
    """Tokens of clicks and features of patches to masks over points."""

    def __init__(self, config: PointSamConfig) -> None:
        super().__init__()
        width = config.width
        self.transformer = TwoWayTransformer(config)
        self.iou_token = nn.Embedding(1, width)
        self.mask_tokens = nn.Embedding(CANDIDATES, width)
        self.output_upscaling = nn.Sequential(
            nn.Linear(width, width),
            nn.LayerNorm(width),
            nn.GELU(),
            nn.Linear(width, width),
            nn.GELU(),
        )
        self.output_hypernetworks_mlps = nn.ModuleList(
            ReluMlp(width, width, width) for _ in range(CANDIDATES)
        )
        self.iou_prediction_head = ReluMlp(width, config.iou_width, CANDIDATES)

    def forward(
        self,
        cloud: Tensor,
        cloud_code: Tensor,
        clicks: Tensor,
        to_points: Interpolation,
        *,
        candidates: slice,
    ) -> tuple[Tensor, Tensor]:
        """Masks of S sets of prompts.

        Args:
            cloud: (S, G, C) features of the patches, with the mask prompt added.
            cloud_code: (S, G, C) code of their centers.
            clicks: (S, P, C) tokens of the clicks.
            to_points: from patches to the points of the S clouds, or of fewer that have several
                sets each.
            candidates: which to compute.

        Returns:
            (S, K, N) mask logits and (S, K) predicted intersection over union.
        """
        own = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        tokens = torch.cat([own.expand(len(clicks), -1, -1), clicks], dim=1)
        tokens, cloud = self.transformer(tokens, cloud, cloud_code)
        masks = tokens[:, 1 : 1 + CANDIDATES]
        kernels = [
            self.output_hypernetworks_mlps[i](masks[:, i]) for i in range(CANDIDATES)[candidates]
        ]
        # The first layer commutes with the interpolation, whose weights add up to one.
        features = to_points(self.output_upscaling[0](cloud))
        features = self.output_upscaling[1:](features)
        logits = torch.stack(kernels, 1) @ features.transpose(1, 2)
        return logits, self.iou_prediction_head(tokens[:, 0])[:, candidates]
