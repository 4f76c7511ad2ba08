"""The transformer over patches of Point-SAM: two kinds of EVA blocks, pre-norm, no positions.

EVA (Fang et al. 2023) and EVA-02 (Fang et al. 2024) are image transformers; only their blocks run
here. What is left of the images is in the checkpoints, and therefore in the module.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear, scaled_dot_product_attention, silu

from seg3d_ros.networks.point_sam.config import TransformerConfig

_EPS = 1e-6
_IMAGE_PATCH = 14  # pixels


class SplitAttention(nn.Module):
    """Self-attention of EVA-02: separate projections, the keys' without bias."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width)
        self.proj = nn.Linear(width, width)
        self._heads = heads

    def forward(self, x: Tensor) -> Tensor:
        """(B, G, C) -> (B, G, C)."""
        return self.proj(attend(self.q_proj(x), self.k_proj(x), self.v_proj(x), self._heads))


class FusedAttention(nn.Module):
    """Self-attention of EVA: one projection; the keys' bias is zero and not stored."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(width))
        self.v_bias = nn.Parameter(torch.zeros(width))
        self.proj = nn.Linear(width, width)
        self._heads = heads

    def forward(self, x: Tensor) -> Tensor:
        """(B, G, C) -> (B, G, C)."""
        bias = torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias])
        q, k, v = linear(x, self.qkv.weight, bias).chunk(3, -1)
        return self.proj(attend(q, k, v, self._heads))


class GatedMlp(nn.Module):
    """SwiGLU with a norm before its last layer."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1_g = nn.Linear(width, hidden)
        self.fc1_x = nn.Linear(width, hidden)
        self.norm = nn.LayerNorm(hidden, eps=_EPS)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        return self.fc2(self.norm(silu(self.fc1_g(x)) * self.fc1_x(x)))


class PlainMlp(nn.Module):
    """Two layers around a GELU."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        return self.fc2(gelu(self.fc1(x)))


class Block(nn.Module):
    """Attention and feed-forward layer, each behind a norm and beside a residual."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        gated = config.form == "eva02"
        attention, mlp = (SplitAttention, GatedMlp) if gated else (FusedAttention, PlainMlp)
        self.norm1 = nn.LayerNorm(config.width, eps=_EPS)
        self.attn = attention(config.width, config.heads)
        self.norm2 = nn.LayerNorm(config.width, eps=_EPS)
        self.mlp = mlp(config.width, config.mlp_width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, G, C) -> (B, G, C)."""
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class ImagePatches(nn.Module):
    """The convolution that made patches of images; never run."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, _IMAGE_PATCH, _IMAGE_PATCH)


class TokenTransformer(nn.Module):
    """The blocks and the norm after them."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.fc_norm = nn.LayerNorm(config.width, eps=_EPS)
        if config.image_size is not None:
            self._add_what_images_left(config.width, config.image_size, config.image_classes)

    def _add_what_images_left(self, width: int, size: int, classes: int) -> None:
        places = (size // _IMAGE_PATCH) ** 2 + 1
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, places, width))
        self.patch_embed = ImagePatches(width)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, G, C) -> (B, G, C)."""
        for block in self.blocks:
            x = block(x)
        return self.fc_norm(x)


def attend(q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    """Attention of (B, Q, C) over (B, K, C) in several heads, put together: (B, Q, C)."""
    q, k, v = (torch.unflatten(x, -1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    return scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
