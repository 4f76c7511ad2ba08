"""LaSSM: a sparse U-Net, means over superpoints, and a query decoder with state-space layers."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag

from seg3d_ros.networks.lassm.decoder import Decoded, LassmDecoder, Superpoints
from seg3d_ros.networks.lassm.inputs import InputConfig, LassmInput
from seg3d_ros.sparse.tensor import SparseTensor


class Backbone(Protocol):
    """Network from voxels to features of voxels."""

    out_channels: int

    def __call__(self, x: SparseTensor) -> Tensor:
        """(V, C_in) -> (V, out_channels)."""
        ...


class LaSSM(nn.Module):
    """Instances as sets of superpoints.

    Args:
        backbone: a module that gives every voxel a feature.
        decoder: of the superpoints.
        input_config: what the weights were trained to see.
    """

    def __init__(
        self, backbone: Backbone, decoder: LassmDecoder, input_config: InputConfig
    ) -> None:
        super().__init__()
        self.backbone: Backbone = backbone
        self.decoder = decoder
        self.input_config = input_config

    def forward(self, scene: LassmInput) -> Decoded:
        """Readings of the queries of one scene."""
        return self.decode(scene, self.backbone(scene.voxels))

    def decode(self, scene: LassmInput, features: Tensor) -> Decoded:
        """Decode the (V, C) features of the backbone."""
        decoded: Decoded = self.decoder(pool_superpoints(scene, features))
        return decoded


def pool_superpoints(scene: LassmInput, features: Tensor) -> Superpoints:
    """Means over the points of each superpoint, of the features and positions of their voxels."""
    order = scene.superpoint_of.argsort(stable=True)
    sizes = torch.bincount(scene.superpoint_of)
    starts = sizes.cumsum(0) - sizes
    rows = scene.voxel_of[order]

    def mean(values: Tensor) -> Tensor:
        return embedding_bag(rows, values, starts, mode="mean")

    return Superpoints(mean(features), mean(scene.positions))
