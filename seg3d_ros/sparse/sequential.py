"""Chains of layers in which some look at the voxels and the others only at the features."""

from __future__ import annotations

from torch import nn

from seg3d_ros.sparse.convolution import SparseConv3d
from seg3d_ros.sparse.pooling import max_pool
from seg3d_ros.sparse.tensor import SparseTensor


class MaxPool3d(nn.Module):
    """Pool onto the grid `factor` times coarser."""

    def __init__(self, factor: int = 2) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Take the largest feature of each block of voxels."""
        return max_pool(x, factor=self.factor)


class SparseSequential(nn.Sequential):
    """Layers one after another; those that are not sparse are given the feature rows."""

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Apply all layers."""
        for layer in self:
            if isinstance(layer, (SparseConv3d, MaxPool3d, SparseSequential)):
                x = layer(x)
            else:
                x = x.with_features(layer(x.features))
        return x
