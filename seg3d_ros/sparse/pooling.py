"""Pooling onto a coarser grid, and back."""

from __future__ import annotations

import torch

from seg3d_ros.sparse.tensor import SparseTensor


def max_pool(x: SparseTensor, *, factor: int = 2) -> SparseTensor:
    """Largest feature of the voxels in each block of `factor`³; equal ones share the gradient."""
    grid, parents = x.grid.coarser(factor)
    rows = parents[:, None].expand_as(x.features)
    lowest = x.features.new_full((len(grid), x.features.shape[1]), -torch.inf)
    return SparseTensor(grid, lowest.scatter_reduce(0, rows, x.features, "amax"))


def unpool(x: SparseTensor, onto: SparseTensor, *, factor: int = 2) -> SparseTensor:
    """Give every voxel of `onto` the features of its parent, behind its own.

    Returns:
        (N, C_onto + C_x) features on the grid of `onto`: its own first.

    Raises:
        ValueError: the grid of `x` was not made from that of `onto`.
    """
    coarse, parents = onto.grid.coarser(factor)
    if coarse is not x.grid:
        raise ValueError("these voxels were not pooled from the grid they are to go back onto")
    above = x.features.index_select(0, parents)
    return onto.with_features(torch.cat([onto.features, above], dim=1))
