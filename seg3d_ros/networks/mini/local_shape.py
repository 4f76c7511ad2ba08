"""Height and local shape of voxels: inputs that carry over from one sensor to another.

Colours differ from camera to camera; how high a voxel lies above the floor and how the surface
runs there do not. All of it is invariant to turns about the vertical.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from seg3d_ros.compute import full_precision
from seg3d_ros.sparse.convolution import sparse_convolution
from seg3d_ros.sparse.grid import VoxelGrid, pack
from seg3d_ros.sparse.kernel_map import kernel_offsets, pack_step, submanifold_map

SHAPE_CHANNELS = 3
HEIGHT_CHANNELS = 2
_FEWEST = 4  # voxels that a surface needs
_LOWEST_SHARE = 0.005  # of the voxels of a scene, which may be noise below the floor
_BIN_M, _BINS = 0.01, 30  # of the histogram of heights in which the floor is looked for
_CELL = 12  # voxels; edge of a column in which the lowest voxel is looked for
_TALLEST_M = 3.0
_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
_LEAST_VARIANCE = 1e-4  # squared edges


def surface_shape(grid: VoxelGrid, points: Tensor) -> Tensor:
    """Invariants of the covariance of the 3x3x3 surroundings of each voxel, (N, 3).

    They say what normals and principal axes would say, without eigenvalues: on a plane the first
    column is half the squared sine between its normal and the vertical.

    Args:
        grid: N voxels.
        points: (N, 3) the point of each, in edges from the voxel's middle.

    Returns:
        Columns in [0, 1]: share of the variance that is vertical; 3 times the sum of the
        principal minors over the squared trace (0 on a line, 3/4 on a disc, 1 in a ball); root of
        27 times the determinant over the cubed trace (0 on a plane, 1 in a ball). Zeros where too
        few neighbours are occupied.
    """
    products = [points[:, i] * points[:, j] for i, j in _PAIRS]
    moments = torch.cat([torch.ones_like(points[:, :1]), points, torch.stack(products, 1)], dim=1)
    weight = _moment_shifts().to(points.device)[:, None]
    with full_precision(points.device):  # differences of squares follow
        sums = sparse_convolution(moments, weight, submanifold_map(grid, 3))
    count = sums[:, 0]
    x, y, z, xx, yy, zz, xy, xz, yz = (sums[:, 1:] / count[:, None]).unbind(1)
    xx, yy, zz = xx - x * x, yy - y * y, zz - z * z
    xy, xz, yz = xy - x * y, xz - x * z, yz - y * z
    trace = (xx + yy + zz).clamp(min=_LEAST_VARIANCE)
    minors = (xx * yy - xy * xy) + (xx * zz - xz * xz) + (yy * zz - yz * yz)
    determinant = xx * (yy * zz - yz * yz) - xy * (xy * zz - xz * yz) + xz * (xy * yz - xz * yy)
    thickness = (27 * determinant / trace**3).clamp(min=0).sqrt()
    shape = torch.stack([zz / trace, 3 * minors / trace.square(), thickness], dim=1)
    return shape.clamp(0, 1) * (count >= _FEWEST)[:, None]


@cache
def _moment_shifts() -> Tensor:
    """(27, 10, 10) matrices that move moments of a neighbour to the voxel in the middle.

    Moments are a row (1, x, y, z, xx, yy, zz, xy, xz, yz); sums over neighbours are therefore a
    convolution with these weights.
    """
    shifts = torch.zeros(27, 10, 10)
    for shift, offset in zip(shifts, kernel_offsets(3), strict=True):
        shift.fill_diagonal_(1)
        shift[0, 1:4] = torch.tensor(offset, dtype=torch.float32)
        for column, (i, j) in enumerate(_PAIRS, start=4):
            shift[0, column] = offset[i] * offset[j]
            shift[1 + i, column] += offset[j]
            shift[1 + j, column] += offset[i]
    return shifts


def floor_levels(z: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Height of the floor of the scene that each point is of, (P,) metres.

    It is where most of the lowest points are: the fullest bin of a histogram.

    Args:
        z: (P,) heights of the points, metres, the scenes of the batch one after another.
        sizes: points of each scene.
    """
    levels = [_floor_level(part).expand(len(part)) for part in torch.split(z, list(sizes))]
    return torch.cat(levels)


def _floor_level(z: Tensor) -> Tensor:
    if not len(z):
        return z.new_zeros(())
    lowest = _quantile(z, _LOWEST_SHARE)
    bins = ((z - lowest) / _BIN_M).floor()
    counts = torch.bincount(bins[(bins >= 0) & (bins < _BINS)].long(), minlength=_BINS)
    near = (bins - counts.argmax()).abs() <= 0.5
    return z[near].mean()


def heights(grid: VoxelGrid, points: Tensor) -> Tensor:
    """Heights above the floor of the scene and above what lies lowest near by, (N, 2) metres.

    Args:
        grid: N voxels of one or several scenes.
        points: (N, 3) a point in each of them, metres, z up.
    """
    z, scene = points[:, 2], grid.coordinates[:, 0].long()
    ends = torch.tensor(grid.scene_sizes).cumsum(0).tolist()
    by_scene = torch.split(z, list(grid.scene_sizes))
    floors = [_quantile(part, _LOWEST_SHARE) for part in by_scene if len(part)]
    floor = z.new_zeros(len(ends))
    floor[torch.tensor([bool(size) for size in grid.scene_sizes])] = torch.stack(floors)
    above = torch.stack([z - floor[scene], z - _lowest_around(grid, z)], dim=1)
    return above.clamp(0, _TALLEST_M)


def _quantile(values: Tensor, share: float) -> Tensor:
    return values.kthvalue(1 + int(share * (len(values) - 1))).values


def _lowest_around(grid: VoxelGrid, z: Tensor) -> Tensor:
    """(N,) smallest z of the 3x3 columns of `_CELL` voxels around each voxel."""
    columns = grid.coordinates.clone()
    columns[:, 1:3] = torch.div(columns[:, 1:3], _CELL, rounding_mode="floor")
    columns[:, 3] = 0
    keys, rows = torch.unique(pack(columns), return_inverse=True)
    lowest = z.new_full((len(keys),), torch.inf).scatter_reduce(0, rows, z, "amin")
    around = lowest.clone()
    for x in (-1, 0, 1):
        for y in (-1, 0, 1):
            wanted = keys + pack_step(x, y, 0)
            place = torch.searchsorted(keys, wanted).clamp_(max=len(keys) - 1)
            there = torch.where(keys[place] == wanted, lowest[place], torch.inf)
            around = torch.minimum(around, there)
    return around[rows]
