"""Layers that the image side of XMask3D is made of."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

_GROUPS = 32  # of a normalisation
_WAVELENGTH = 10_000.0  # the longest of a position encoding is so many times the shortest


class NormConv2d(nn.Conv2d):
    """Convolution that keeps the size, without bias, and group normalisation."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False
        )
        self.norm = nn.GroupNorm(_GROUPS, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, C_out, H, W)."""
        out: Tensor = self.norm(super().forward(x))
        return out


class Bottleneck(nn.Module):
    """Residual block of ResNet-50 whose inner convolutions have a quarter of the channels."""

    shortcut: NormConv2d | None

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        quarter = out_channels // 4
        self.conv1 = NormConv2d(in_channels, quarter, 1)
        self.conv2 = NormConv2d(quarter, quarter, 3)
        self.conv3 = NormConv2d(quarter, out_channels, 1)
        self.shortcut = (
            None if in_channels == out_channels else NormConv2d(in_channels, out_channels, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, C_out, H, W)."""
        residual = self.conv3(self.conv2(self.conv1(x).relu()).relu())
        out: Tensor = residual + (x if self.shortcut is None else self.shortcut(x))
        return out.relu()


class MLP(nn.Module):
    """Linear layers with ReLU between them.

    Args:
        widths: of the input, of each layer's output.
    """

    def __init__(self, *widths: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(widths))

    def forward(self, x: Tensor) -> Tensor:
        """(…, first width) -> (…, last width)."""
        for layer in self.layers[:-1]:
            x = layer(x).relu()
        out: Tensor = self.layers[-1](x)
        return out


def sine_positions(height: int, width: int, channels: int, *, like: Tensor) -> Tensor:
    """(H W, C) waves of the rows, then of the columns, row by row.

    Carion et al., "End-to-End Object Detection with Transformers", ECCV 2020: the last row and
    column are at 2 π.

    Args:
        height: H.
        width: W.
        channels: C, even.
        like: tensor whose device and dtype they get.
    """
    half = channels // 2
    steps = torch.arange(half, device=like.device, dtype=torch.float32)
    periods = _WAVELENGTH ** (2 * (steps // 2) / half)
    rows, columns = (_waves(size, periods).to(like.dtype) for size in (height, width))
    grid = (height, width, half)
    return torch.cat([rows[:, None].expand(grid), columns.expand(grid)], 2).flatten(0, 1)


def _waves(size: int, periods: Tensor) -> Tensor:
    """(size, C / 2) sines and cosines in turns."""
    places = torch.arange(1, size + 1, device=periods.device) / (size + 1e-6) * (2 * math.pi)
    phases = places[:, None] / periods
    return torch.stack([phases[:, 0::2].sin(), phases[:, 1::2].cos()], 2).flatten(1)
