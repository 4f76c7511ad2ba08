"""Features on a voxel grid."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from seg3d_ros.sparse.grid import VoxelGrid


@dataclass(frozen=True, eq=False)
class SparseTensor:
    """A feature row for every voxel of a grid.

    Attributes:
        grid: the voxels.
        features: (N, C) rows in the order of the grid.
    """

    grid: VoxelGrid
    features: Tensor

    def __post_init__(self) -> None:
        if len(self.features) != len(self.grid):
            raise ValueError(f"{len(self.features)} feature rows for {len(self.grid)} voxels")

    def with_features(self, features: Tensor) -> SparseTensor:
        """Other features on the same voxels."""
        return SparseTensor(self.grid, features)
