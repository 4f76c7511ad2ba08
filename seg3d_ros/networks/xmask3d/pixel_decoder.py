"""Pixel decoder: multi-scale deformable attention between three levels of an image.

Zhu et al., "Deformable DETR", ICLR 2021; Cheng et al., "Masked-attention Mask Transformer for
Universal Image Segmentation", CVPR 2022. Levels come coarse to fine; a token is a pixel of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample, interpolate

from seg3d_ros.networks.xmask3d.layers import NormConv2d, sine_positions

_LEVELS = 3
_POINTS = 4  # that a head samples on each level
Shapes = Sequence[tuple[int, int]]  # rows and columns of each level


@dataclass(frozen=True, eq=False)
class PixelFeatures:
    """Features of an image.

    Attributes:
        levels: (B, C, H, W) of strides 32, 16 and 8.
        masks: (B, C, H, W) of stride 4; their products with queries are mask logits.
    """

    levels: Sequence[Tensor]
    masks: Tensor


class DeformableAttention(nn.Module):
    """Attention of each token to a few places around it, on all levels.

    Args:
        width: channels, C.
        heads: that they are shared out among.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        samples = heads * _LEVELS * _POINTS
        self.sampling_offsets = nn.Linear(width, samples * 2)
        self.attention_weights = nn.Linear(width, samples)
        self.value_proj = nn.Linear(width, width)
        self.output_proj = nn.Linear(width, width)

    def forward(self, x: Tensor, positions: Tensor, shapes: Shapes) -> Tensor:
        """Attend.

        Args:
            x: (B, T, C) tokens of all levels.
            positions: (T, C) their encoding.
            shapes: of the levels.

        Returns:
            (B, T, C).
        """
        batch, tokens, width = x.shape
        values = self.value_proj(x).view(batch, tokens, self._heads, -1)
        queries = x + positions
        shape = (batch, tokens, self._heads, _LEVELS, _POINTS)
        weights = self.attention_weights(queries).view(*shape[:3], -1).softmax(-1).view(shape)
        offsets = self.sampling_offsets(queries).view(*shape, 2)
        sizes = torch.tensor([(w, h) for h, w in shapes], device=x.device, dtype=x.dtype)
        centers = _pixel_centers(shapes, like=x)[:, None, None, None]
        places = centers + offsets / sizes[:, None]  # in [0, 1] within the image
        out = x.new_zeros(batch * self._heads, width // self._heads, tokens)
        for i, level in enumerate(values.split([h * w for h, w in shapes], 1)):
            image = level.permute(0, 2, 3, 1).reshape(-1, width // self._heads, *shapes[i])
            at = 2 * places[:, :, :, i].transpose(1, 2).flatten(0, 1) - 1  # (B heads, T, P, 2)
            sampled = grid_sample(image, at, padding_mode="zeros", align_corners=False)
            share = weights[:, :, :, i].transpose(1, 2).flatten(0, 1)
            out = out + (sampled * share[:, None]).sum(-1)
        merged = out.view(batch, width, tokens).transpose(1, 2)
        result: Tensor = self.output_proj(merged)
        return result


class DeformableLayer(nn.Module):
    """Deformable attention and a feed-forward network, each with its residual."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.self_attn = DeformableAttention(width, heads)
        self.norm1 = nn.LayerNorm(width)
        self.linear1 = nn.Linear(width, hidden)
        self.linear2 = nn.Linear(hidden, width)
        self.norm2 = nn.LayerNorm(width)

    def forward(self, x: Tensor, positions: Tensor, shapes: Shapes) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        x = self.norm1(x + self.self_attn(x, positions, shapes))
        out: Tensor = self.norm2(x + self.linear2(self.linear1(x).relu()))
        return out


class _Stack(nn.Module):
    """Layers under a name of their own."""

    def __init__(self, layers: Iterable[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)


class DeformableEncoder(nn.Module):
    """Layers over the tokens of all levels."""

    def __init__(self, width: int, heads: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.level_embed = nn.Parameter(torch.randn(_LEVELS, width))
        self.encoder = _Stack(DeformableLayer(width, heads, hidden) for _ in range(layers))

    def forward(self, levels: Sequence[Tensor]) -> list[Tensor]:
        """Levels (B, C, H, W) -> the same levels."""
        shapes = [(level.shape[2], level.shape[3]) for level in levels]
        x = torch.cat([level.flatten(2).transpose(1, 2) for level in levels], 1)
        width = x.shape[2]
        encodings = [
            sine_positions(*shape, width, like=x) + of_level
            for shape, of_level in zip(shapes, self.level_embed, strict=True)
        ]
        positions = torch.cat(encodings)
        for layer in self.encoder.layers:
            x = layer(x, positions, shapes)
        parts = torch.split(x.transpose(1, 2), [h * w for h, w in shapes], 2)
        return [part.reshape(-1, width, *shape) for part, shape in zip(parts, shapes, strict=True)]


class PixelDecoder(nn.Module):
    """Features of pixels from four levels of an image.

    Args:
        in_channels: of every level.
        width: channels of the features.
        heads: of the attention.
        hidden: channels of the feed-forward networks.
        layers: of the encoder.
    """

    def __init__(
        self,
        in_channels: int = 512,
        width: int = 256,
        *,
        heads: int = 8,
        hidden: int = 1024,
        layers: int = 6,
    ) -> None:
        super().__init__()
        self.input_proj = nn.ModuleList(
            nn.Sequential(nn.Conv2d(in_channels, width, 1), nn.GroupNorm(32, width))
            for _ in range(_LEVELS)
        )
        self.transformer = DeformableEncoder(width, heads, hidden, layers)
        self.mask_features = nn.Conv2d(width, width, 1)
        self.adapter_1 = NormConv2d(in_channels, width, 1)
        self.layer_1 = NormConv2d(width, width, 3)

    def forward(self, levels: Sequence[Tensor]) -> PixelFeatures:
        """Features of strides 32, 16, 8 and 4 (B, C_in, H, W) -> features of pixels."""
        *coarse, fine = levels
        projected = [project(x) for project, x in zip(self.input_proj, coarse, strict=True)]
        encoded = self.transformer(projected)
        lateral = self.adapter_1(fine)
        up = interpolate(encoded[-1], lateral.shape[2:], mode="bilinear", align_corners=False)
        return PixelFeatures(encoded, self.mask_features(self.layer_1(lateral + up).relu()))


def _pixel_centers(shapes: Shapes, *, like: Tensor) -> Tensor:
    """(T, 2) x and y of every token in [0, 1]."""
    return torch.cat(
        [
            torch.stack(
                torch.meshgrid(
                    (torch.arange(w, device=like.device, dtype=like.dtype) + 0.5) / w,
                    (torch.arange(h, device=like.device, dtype=like.dtype) + 0.5) / h,
                    indexing="xy",
                ),
                2,
            ).flatten(0, 1)
            for h, w in shapes
        ]
    )
