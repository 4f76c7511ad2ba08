"""Voxelization of points, and values of voxels back at the points."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seg3d_ros.errors import InputError
from seg3d_ros.sparse.grid import COORDINATE_LIMIT, VoxelGrid, pack, unpack
from seg3d_ros.sparse.tensor import SparseTensor


@dataclass(frozen=True, eq=False)
class Voxelized:
    """Points gathered into voxels.

    Attributes:
        voxels: mean feature of the points in each voxel; rows ascend by scene, x, y, z.
        rows: (P,) int64, the voxel of each point.
    """

    voxels: SparseTensor
    rows: Tensor

    def to_points(self, features: Tensor) -> Tensor:
        """Give each of P points the row of its voxel, (N, C) -> (P, C)."""
        return features[self.rows]


def voxel_coordinates(points: Tensor, voxel_size: float) -> Tensor:
    """Voxel (P, 3) int32 of (P, 3) float32 points in metres: `floor(point * (1 / voxel_size))`.

    The factor is rounded to float32 before it multiplies: CUDA divides by a number that way,
    so a point on the face between two voxels falls on the same side on every device, and on
    the side the networks were trained with.

    Raises:
        ValueError: a point is not finite, or further away than voxel coordinates reach.
    """
    inverse = torch.tensor(1 / voxel_size, dtype=torch.float32, device=points.device)
    scaled = torch.floor(points.float() * inverse)
    # The comparison is also false for NaN; beyond it a cast to int may give any number.
    if not bool((scaled.abs() < COORDINATE_LIMIT).all()):
        raise InputError(
            f"points are not finite or lie more than {COORDINATE_LIMIT * voxel_size:.0f} m from "
            "the origin; remove them or move the scene closer"
        )
    return scaled.int()


def voxelize(
    points: Tensor, features: Tensor, *, voxel_size: float, sizes: tuple[int, ...] | None = None
) -> Voxelized:
    """Average the features of the points in each voxel.

    Args:
        points: (P, 3) metres, the scenes of the batch one after another.
        features: (P, C).
        voxel_size: edge of a voxel, metres.
        sizes: number of points of each scene; one scene if not given.

    Raises:
        ValueError: sizes or features do not fit the points, or a point is out of range.
    """
    sizes = sizes or (len(points),)
    if sum(sizes) != len(points) or len(features) != len(points):
        raise ValueError(
            f"{len(points)} points, {len(features)} feature rows, scene sizes {sizes}: "
            "the three have to agree"
        )
    scene = torch.repeat_interleave(
        torch.arange(len(sizes), device=points.device),
        torch.tensor(sizes, device=points.device),
        output_size=len(points),
    )
    coordinates = torch.cat([scene[:, None].int(), voxel_coordinates(points, voxel_size)], dim=1)
    keys, rows = torch.unique(pack(coordinates), return_inverse=True)
    grid = VoxelGrid(unpack(keys), len(sizes))
    return Voxelized(SparseTensor(grid, mean_by_row(features, rows, len(grid))), rows)


def mean_by_row(features: Tensor, rows: Tensor, count: int) -> Tensor:
    """Mean (count, C) of the (P, C) features that belong to each row; zero where none does."""
    total = features.new_zeros(count, features.shape[1]).index_add_(0, rows, features)
    number = torch.bincount(rows, minlength=count).clamp_(min=1)
    return total / number[:, None]
