"""Backbone of `mini` under the decoder of LaSSM, for trainings on a CPU.

The U-Net of `mini` comes with the package, trained; it stays as it is. A decoder then learns in
minutes what takes hours together with a backbone.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn

from seg3d_ros.compute import full_precision
from seg3d_ros.networks.mini.decoder import SceneFeatures
from seg3d_ros.networks.mini.network import Mini
from seg3d_ros.sparse.tensor import SparseTensor

_PERIODS_M = (8.0, 4.0, 2.0, 1.0, 0.5)  # of the waves that tell where an object is


class MiniBackbone(nn.Module):
    """Frozen features of `mini`: its levels, and the center that each voxel votes for.

    Centers are given as Fourier features (Tancik et al., 2020), so that a product of two of them
    tells whether they are near each other.

    Args:
        voxel_size: of `mini`, metres; voxels of the input may be smaller.
    """

    def __init__(self, voxel_size: float = 0.04) -> None:
        super().__init__()
        self.mini = Mini(voxel_size=voxel_size).requires_grad_(False)
        fine = self.mini.mask_features
        kinds = cast(nn.Linear, self.mini.structure[-1]).out_features
        described = fine.in_features + fine.out_features + kinds
        self.out_channels = described + 1 + 6 * len(_PERIODS_M)
        self.eval()

    def train(self, mode: bool = True) -> MiniBackbone:
        """Stay in evaluation mode."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, x: SparseTensor) -> Tensor:
        """(N, 6) colours in [-1, 1] and positions, metres -> (N, out_channels)."""
        colors, positions = torch.split(x.features.float(), 3, dim=1)
        rows, scenes = self.mini.encode(positions, (colors + 1) / 2, sizes=x.grid.scene_sizes)
        with full_precision(positions.device):
            return torch.cat([_described(scene) for scene in scenes])[rows]


def _described(scene: SceneFeatures) -> Tensor:
    """(N, out_channels) of the voxels of `mini`."""
    votes = scene.votes
    periods = votes.middles.new_tensor(_PERIODS_M)
    waves = (2 * math.pi * votes.middles[..., None] / periods).flatten(1)
    return torch.cat(
        [
            scene.fine, scene.masks, scene.structure, votes.log_radii[:, None],
            waves.sin(), waves.cos(),
        ],
        dim=1,
    )  # fmt: skip
