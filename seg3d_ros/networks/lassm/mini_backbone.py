"""LaSSM on the backbone of `mini`, for trainings on a CPU.

The U-Net of `mini` comes with the package, trained; it stays as it is. The decoder of LaSSM begins
with masks of what votes for the same place, and so learns in minutes what takes hours together
with a backbone.
"""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor, nn

from seg3d_ros.compute import full_precision
from seg3d_ros.networks.lassm.decoder import LassmDecoder
from seg3d_ros.networks.lassm.layers import DecoderLayer
from seg3d_ros.networks.mini.decoder import SceneFeatures
from seg3d_ros.networks.mini.network import Mini
from seg3d_ros.sparse.tensor import SparseTensor

_PERIODS_M = (8.0, 4.0, 2.0, 1.0, 0.5)  # of the waves that tell where an object is
_WAVES = 6 * len(_PERIODS_M)  # sines and cosines of x, y and z; the last channels
_LIKENESS = 0.35  # initial weight of a wave that two superpoints share
_UNLIKE = 10.0  # initially taken off: of fifteen pairs of waves some nine have to agree
_QUIET = 0.1  # initial scale of what the layers add to the queries


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
        self.out_channels = described + 1 + _WAVES
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
    return torch.cat(
        [
            scene.fine, scene.masks, scene.structure.softmax(1), votes.log_radii[:, None],
            vote_waves(votes.middles),
        ],
        dim=1,
    )  # fmt: skip


def vote_waves(middles: Tensor) -> Tensor:
    """(N, 3) places, metres -> (N, 30) sines, then cosines."""
    waves = (2 * math.pi * middles[..., None] / middles.new_tensor(_PERIODS_M)).flatten(1)
    return torch.cat([waves.sin(), waves.cos()], dim=1)


class VotingDecoder(LassmDecoder):
    """Decoder for a `MiniBackbone`: the first masks are superpoints with votes like the query's.

    Queries and mask features begin with the waves, as pairs of their positive and negative parts,
    and the layers with small changes of the queries.

    Args:
        in_channels: of the superpoints' features, of which the waves are the last.
        num_classes: see `LassmDecoder`.
        width: channels of the queries, more than two for each wave.
        options: see `LassmDecoder`.
    """

    def __init__(self, in_channels: int, num_classes: int, *, width: int, **options: Any) -> None:
        if width <= 2 * _WAVES:
            raise ValueError(f"width is {width}; votes need more than {2 * _WAVES} channels")
        super().__init__(in_channels, num_classes, width=width, **options)
        with torch.no_grad():
            for layer in self.layers:
                cast(DecoderLayer, layer).quieten(_QUIET)
            inner, outer = cast(nn.Linear, self.x_mask[0]), cast(nn.Linear, self.x_mask[2])
            _copy_waves(cast(nn.Linear, self.query_proj[0]))
            _copy_waves(inner)
            signed = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
            outer.weight.mul_(_QUIET)[: 2 * _WAVES] = 0
            outer.weight[: 2 * _WAVES, : 2 * _WAVES] = signed.kron(_LIKENESS * torch.eye(_WAVES))
            outer.bias.zero_()
            # The last channel is the same in all queries.
            self.out_norm.weight[-1], self.out_norm.bias[-1] = 0, 1
            outer.weight[-1], outer.bias[-1] = 0, -_UNLIKE


def _copy_waves(layer: nn.Linear) -> None:
    """Make the first outputs of a layer the waves, and the next ones these times -1."""
    waves = torch.eye(layer.in_features)[-_WAVES:]
    layer.weight[: 2 * _WAVES] = torch.cat([waves, -waves])
    layer.bias[: 2 * _WAVES] = 0
