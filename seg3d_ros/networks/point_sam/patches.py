"""Patches of Point-SAM: partition of a cloud, encoders of points and masks in them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from seg3d_ros.networks.point_operations import (
    find_nearest,
    gather,
    sample_farthest,
    square_lengths,
)
from seg3d_ros.networks.point_sam.config import PointSamConfig

_ROWS_AT_ONCE = 1 << 16  # bounds the memory of the widest layer to 134 MB
_RESIDUAL_BLOCKS = 3


@dataclass(frozen=True, eq=False)
class Patches:
    """Partition of B clouds of N points into G patches; depends on positions only.

    Attributes:
        centers: (B, G, 3) positions.
        members: (B, G, K) int64 points of each patch; or, of Voronoi cells, (B, N) the cell of
            each point.
        offsets: (B, G, K, 3) or (B, N, 3) positions of these points relative to their center.
    """

    centers: Tensor
    members: Tensor
    offsets: Tensor

    def repeated(self, times: int) -> Patches:
        """Copies for (B * times) sets of prompts, those of a cloud together."""
        if times == 1:
            return self
        parts = (self.centers, self.members, self.offsets)
        return Patches(*(part.repeat_interleave(times, 0) for part in parts))


def knn_patches(points: Tensor, patches: int, size: int) -> Patches:
    """The nearest points of centers that are far apart; patches overlap.

    Args:
        points: (B, N, 3) float32.
        patches: G, at most N.
        size: K, at most N.
    """
    centers = gather(points, sample_farthest(points, patches))
    members = find_nearest(points, centers, size)
    return Patches(centers, members, gather(points, members) - centers[:, :, None])


def voronoi_patches(points: Tensor, patches: int) -> Patches:
    """Each of (B, N, 3) points goes to the nearest of G centers."""
    centers = gather(points, sample_farthest(points, patches))
    cells = find_nearest(centers, points, 1)[..., 0]
    return Patches(centers, cells, points - gather(centers, cells))


class PatchEncoder(nn.Module):
    """Features of sets of points, after PointNet (Qi et al. 2017): shared layers and maxima."""

    def __init__(self, in_channels: int, out_channels: int, widths: tuple[int, int]) -> None:
        super().__init__()
        first, second = widths
        self.conv1 = nn.Sequential(
            nn.Linear(in_channels, first), nn.LayerNorm(first), nn.GELU(), nn.Linear(first, first)
        )
        self.conv2 = nn.Sequential(
            nn.Linear(2 * first, second),
            nn.LayerNorm(second),
            nn.GELU(),
            nn.Linear(second, out_channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, G, K, C_in) -> (B, G, C_out); a part of the groups at a time."""
        groups = x.flatten(0, 1)
        parts = torch.split(groups, max(1, _ROWS_AT_ONCE // groups.shape[1]))
        return torch.cat([self._encode(part) for part in parts]).view(*x.shape[:2], -1)

    def _encode(self, groups: Tensor) -> Tensor:
        own = self.conv1(groups)
        # The layer on [maximum of the group, own] in two halves: the first once for a group.
        merge, *rest = self.conv2
        weight, bias = merge.parameters()
        of_group, of_point = torch.chunk(weight, 2, 1)
        x = linear(own, of_point) + linear(own.amax(1, keepdim=True), of_group, bias)
        for layer in rest:
            x = layer(x)
        return x.amax(1)


class KnnTokenizer(nn.Module):
    """Tokens of patches of nearest points."""

    def __init__(self, config: PointSamConfig) -> None:
        super().__init__()
        self.patch_encoder = PatchEncoder(6, config.patch_channels, config.patch_widths)

    def forward(self, patches: Patches, colors: Tensor) -> Tensor:
        """Patches and (B, N, 3) colours -> (B, G, C)."""
        return self.patch_encoder(
            torch.cat([patches.offsets, gather(colors, patches.members)], dim=-1)
        )


class KnnMaskEncoder(nn.Module):
    """Mask prompts over patches of nearest points."""

    def __init__(self, config: PointSamConfig) -> None:
        super().__init__()
        self.patch_encoder = PatchEncoder(4, config.width, config.patch_widths)
        self.no_mask_embed = nn.Embedding(1, config.width)

    def forward(self, patches: Patches, logits: Tensor) -> Tensor:
        """Patches and (B, N) logits -> (B, G, C)."""
        values = gather(logits[..., None], patches.members)
        return self.patch_encoder(torch.cat([patches.offsets, values], dim=-1))


class ResidualBlock(nn.Module):
    """A norm and two layers beside a residual."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width), nn.Linear(width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        return x + self.mlp(self.norm(x))


class VoronoiTokenizer(nn.Module):
    """Tokens of Voronoi cells."""

    def __init__(self, config: PointSamConfig) -> None:
        super().__init__()
        width = config.voronoi_width
        self.in_proj = nn.Linear(7, width)
        self.blocks1 = nn.Sequential(*(ResidualBlock(width) for _ in range(_RESIDUAL_BLOCKS)))
        self.blocks2 = nn.Sequential(*(ResidualBlock(width) for _ in range(_RESIDUAL_BLOCKS)))
        self.norm = nn.LayerNorm(width)
        self.out_proj = nn.Linear(width, config.patch_channels)

    def forward(self, patches: Patches, colors: Tensor) -> Tensor:
        """Cells and (B, N, 3) colours -> (B, G, C)."""
        length = square_lengths(patches.offsets).sqrt()[..., None]
        direction = patches.offsets / length.clamp_min(1e-8)
        x = self.blocks1(self.in_proj(torch.cat([direction, length, colors], dim=-1)))
        x = _largest_in_cells(x, patches, floor=None)
        return self.out_proj(self.norm(self.blocks2(x)))


class _MaskResidual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.LayerNorm(width), nn.GELU())

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mlp(x)


class _MaskLayers(nn.Module):
    """The layers over cells, named as in the checkpoints."""

    def __init__(self, width: int, out_channels: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(width, width),
            nn.LayerNorm(width),
            nn.GELU(),
            *(_MaskResidual(width) for _ in range(_RESIDUAL_BLOCKS)),
            nn.Linear(width, out_channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.mlp(x)


class VoronoiMaskEncoder(nn.Module):
    """Mask prompts over Voronoi cells."""

    def __init__(self, config: PointSamConfig) -> None:
        super().__init__()
        width = config.voronoi_mask_width
        self.first_nn = nn.Linear(5, width)
        self.second_nn = _MaskLayers(width, config.width)
        self.no_mask_embed = nn.Embedding(1, config.width)

    def forward(self, patches: Patches, logits: Tensor) -> Tensor:
        """Cells and (B, N) logits -> (B, G, C)."""
        length = square_lengths(patches.offsets).sqrt()[..., None]
        x = self.first_nn(torch.cat([logits[..., None], patches.offsets, length], dim=-1))
        return self.second_nn(_largest_in_cells(x, patches, floor=0.0))


def _largest_in_cells(x: Tensor, patches: Patches, *, floor: float | None) -> Tensor:
    """(B, N, C) -> (B, G, C) maxima, which a floor takes part in; empty cells give zero."""
    out = x.new_zeros(len(x), patches.centers.shape[1], x.shape[-1])
    cells = patches.members[..., None].expand_as(x)
    return out.scatter_reduce(1, cells, x, "amax", include_self=floor is not None)
