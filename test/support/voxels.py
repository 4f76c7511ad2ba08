"""Small voxel grids and their dense twins."""

import torch

from seg3d_ros.sparse.grid import VoxelGrid
from seg3d_ros.sparse.tensor import SparseTensor


def random_grid(count=120, *, low=-5, high=4, scenes=2, seed=0, device="cpu"):
    """Up to `count` distinct voxels with negative coordinates, in no order."""
    generator = torch.Generator().manual_seed(seed)
    cells = torch.randint(low, high, (count, 3), generator=generator)
    scene = torch.randint(0, scenes, (count, 1), generator=generator)
    rows = torch.cat([scene, cells], dim=1).unique(dim=0)
    rows = rows[torch.randperm(len(rows), generator=generator)]
    return VoxelGrid(rows.int().to(device), scenes)


def random_tensor(channels, *, dtype=torch.float32, seed=0, **grid):
    grid = random_grid(seed=seed, **grid)
    generator = torch.Generator().manual_seed(seed + 1)
    features = torch.randn(len(grid), channels, generator=generator, dtype=dtype)
    return SparseTensor(grid, features.to(grid.coordinates.device))


def to_dense(x, *, low, extent):
    """(scenes, C, X, Y, Z) with zeros where nothing is."""
    shape = (x.grid.scenes, extent, extent, extent, x.features.shape[1])
    dense = x.features.new_zeros(shape)
    scene, i, j, k = dense_index(x.grid, low=low)
    dense[scene, i, j, k] = x.features
    return dense.permute(0, 4, 1, 2, 3)


def from_dense(dense, grid, *, low):
    scene, i, j, k = dense_index(grid, low=low)
    return dense.permute(0, 2, 3, 4, 1)[scene, i, j, k]


def dense_index(grid, *, low):
    scene, *cells = grid.coordinates.long().unbind(1)
    return [scene, *(cell - low for cell in cells)]
