"""Input channels of voxels: colour where it is known, height, local shape."""

from __future__ import annotations

import torch
from torch import Tensor

from seg3d_ros.networks.mini.local_shape import (
    HEIGHT_CHANNELS,
    SHAPE_CHANNELS,
    heights,
    surface_shape,
)
from seg3d_ros.sparse.grid import VoxelGrid
from seg3d_ros.sparse.voxelize import mean_by_row

# Colour and whether it is known, one, place of the points' mean in the voxel, heights, and the
# shape of the surface at two scales.
INPUT_CHANNELS = 3 + 1 + 1 + 3 + HEIGHT_CHANNELS + 2 * SHAPE_CHANNELS
INSIDE = slice(5, 8)  # the place in the voxel, the only channels that a turn changes
_HEIGHT_UNIT_M = 1.5
_PAINT = 0.02  # colours of a scene that differ less are one


def voxel_inputs(grid: VoxelGrid, mean: Tensor, color: Tensor, *, voxel_size: float) -> Tensor:
    """Channels of each voxel, (N, INPUT_CHANNELS).

    Args:
        grid: N voxels of one or several scenes.
        mean: (N, 3) mean point of each, metres, z up.
        color: (N, 3) mean RGB in [0, 1].
        voxel_size: edge of the voxels, metres.
    """
    known = _has_colors(grid, color)
    inside = _inside(grid, mean, voxel_size)
    coarse, parents = grid.coarser(2)
    coarse_mean = mean_by_row(mean, parents, len(coarse))
    coarse_inside = _inside(coarse, coarse_mean, 2 * voxel_size)
    return torch.cat(
        [
            (color * 2 - 1) * known,
            known,
            torch.ones_like(known),
            inside,
            heights(grid, mean) / _HEIGHT_UNIT_M - 1,
            surface_shape(grid, inside),
            surface_shape(coarse, coarse_inside)[parents],
        ],
        dim=1,
    )


def _inside(grid: VoxelGrid, points: Tensor, edge: float) -> Tensor:
    """(N, 3) offsets of points from the center of their voxel, in edges."""
    return points / edge - grid.coordinates[:, 1:] - 0.5


def _has_colors(grid: VoxelGrid, color: Tensor) -> Tensor:
    """(N, 1) 1 in scenes with more than one colour, else 0: paint says nothing."""
    parts = torch.split(color, list(grid.scene_sizes))
    varied = [bool(len(part) and (part.amax(0) - part.amin(0)).amax() > _PAINT) for part in parts]
    scene = grid.coordinates[:, 0].long()
    return torch.tensor(varied, dtype=color.dtype, device=color.device)[scene, None]
