"""Voxels that the networks of XMask3D see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from seg3d_ros.scene import Float32, Float64
from seg3d_ros.sparse.grid import VoxelGrid
from seg3d_ros.sparse.tensor import SparseTensor

VOXEL_SIZE = 0.02  # metres
_TILT = np.pi / 64  # at most
_SCALES = (0.9, 1.1)


@dataclass(frozen=True, eq=False)
class PointVoxels:
    """Voxels of P points.

    Attributes:
        voxels: colours of the V voxels, on coordinates from 0 upwards.
        voxel_of: (P,) int64 voxel of each point.
    """

    voxels: SparseTensor
    voxel_of: Tensor

    def to(self, device: torch.device) -> PointVoxels:
        """Copy on another device."""
        grid = VoxelGrid(self.voxels.grid.coordinates.to(device))
        voxels = SparseTensor(grid, self.voxels.features.to(device))
        return PointVoxels(voxels, self.voxel_of.to(device))


def random_turn(generator: np.random.Generator) -> Float64:
    """(3, 3) turn about z, slight tilts and a scale, as the reference draws them."""
    yaw, across, along = generator.uniform(-1, 1, 3) * (np.pi, _TILT, _TILT)
    scale = generator.uniform(*_SCALES)
    turn: Float64 = Rotation.from_euler("zyx", (yaw, across, along)).as_matrix() * scale
    return turn


def voxelize_points(points: Float32, colors: Float32, turn: Float64 | None = None) -> PointVoxels:
    """Voxels of points, each with the colour of its first point.

    Args:
        points: (P, 3) metres, at least one.
        colors: (P, 3) RGB in [-1, 1].
        turn: (3, 3) turn and scale that the points are seen in; None: as they are. The reference
            draws one at random for every view.
    """
    seen = points if turn is None else points @ turn.T.astype(np.float32)
    cells = np.floor(seen * np.float32(1 / VOXEL_SIZE))
    cells = (cells - cells.min(axis=0)).astype(np.int64)
    keys = (cells[:, 0] << 42) | (cells[:, 1] << 21) | cells[:, 2]
    _, first, voxel_of = np.unique(keys, return_index=True, return_inverse=True)
    coordinates = np.concatenate([np.zeros((len(first), 1), np.int64), cells[first]], axis=1)
    grid = VoxelGrid(torch.from_numpy(coordinates.astype(np.int32)))
    features = torch.from_numpy(np.ascontiguousarray(colors[first], np.float32))
    return PointVoxels(SparseTensor(grid, features), torch.from_numpy(voxel_of.reshape(-1)))
