"""Rotary position encoding in three dimensions.

Su et al., "RoFormer" (2021), with the channels of a head shared out among the axes: pairs of
adjacent channels turn with x in the first third, with y in the second, with z in the last.
Channels beyond the largest multiple of six stay as they are.
"""

from __future__ import annotations

import torch
from torch import Tensor


def rotation_table(positions: Tensor, *, head_dim: int, base: float) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the angles by which the pairs of channels turn.

    Args:
        positions: (N, 3) in units in which the fastest pair turns by one radian.
        head_dim: channels of a head.
        base: of the geometric series of wavelengths.

    Returns:
        Two (N, 3 * (head_dim // 6)) float32 tables.
    """
    pairs = head_dim // 6
    steps = torch.arange(pairs, dtype=torch.float32, device=positions.device)
    theta = base ** (-steps / max(pairs, 1))
    angles = (positions.float()[:, :, None] * theta).flatten(1)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, table: tuple[Tensor, Tensor]) -> Tensor:
    """Turn the channel pairs of (N, H, D) heads, in float32; the type of `x` comes back."""
    cos, sin = (part[:, None] for part in table)
    turned = 2 * cos.shape[-1]
    even, odd = x[..., :turned].float().reshape(*x.shape[:-1], turned // 2, 2).unbind(-1)
    pairs = torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1)
    return torch.cat([pairs.flatten(-2).to(x.dtype), x[..., turned:]], dim=-1)
