"""Groups of voxels that attend to each other: windows, patches along a curve, whole scenes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seg3d_ros.errors import InputError
from seg3d_ros.sparse.curves import hilbert_codes, morton_codes
from seg3d_ros.sparse.grid import AXIS_BITS, VoxelGrid, pack


@dataclass(frozen=True, eq=False)
class Groups:
    """A partition of the rows of a grid.

    Attributes:
        order: (N,) int64 rows, group after group.
        lengths: size of each group, in that order; none is empty.
    """

    order: Tensor
    lengths: tuple[int, ...]
    plans: dict[str, Any] = field(default_factory=dict, repr=False)


def window_groups(grid: VoxelGrid, edge: int, offset: str) -> Groups:
    """Cubes of `edge` voxels, counted from the smallest coordinates of the batch.

    The lengths depend on the data: the first call for a grid waits for the device.

    Args:
        grid: the voxels.
        edge: in voxels of this grid.
        offset: the axes along which windows are moved by half an edge, such as "xy"; "zero" for
            none. Half of an odd edge is rounded to the even number.

    Raises:
        ValueError: the offset names something else.
    """
    axes = "" if offset == "zero" else offset
    if set(axes) - set("xyz"):
        raise InputError(f"window offset {offset!r}; give 'zero' or axes such as 'xz'")
    shift = [round(edge / 2) if axis in axes else 0 for axis in "xyz"]
    return grid.cached(("windows", edge, offset), lambda: _windows(grid, edge, shift))


def _windows(grid: VoxelGrid, edge: int, shift: list[int]) -> Groups:
    corner = grid.minimum - torch.tensor(shift, dtype=torch.int32, device=grid.minimum.device)
    cells = grid.coordinates.clone()
    cells[:, 1:] = (cells[:, 1:] - corner) // edge
    keys, order = torch.sort(pack(cells))
    return Groups(order, _run_lengths(keys))


def _run_lengths(keys: Tensor) -> tuple[int, ...]:
    """Lengths of the runs of equal keys, by one transfer of a byte a key."""
    changes = np.flatnonzero((keys[1:] != keys[:-1]).cpu().numpy()) + 1
    bounds = np.concatenate([[0], changes, [len(keys)]])
    return tuple(np.diff(bounds).tolist()) if len(keys) else ()


def curve_groups(
    grid: VoxelGrid, size: int, order: str, *, generator: torch.Generator | None = None
) -> Groups:
    """Patches of `size` voxels in the order of a curve, scene by scene.

    The last patch of a scene is as short as it comes out.

    Args:
        grid: the voxels.
        size: voxels in a patch.
        order: "morton_" or "hilbert_" and the axes, first the lowest bit of Morton codes or
            the most significant axis of the Hilbert curve; or "random".
        generator: of the CPU, for the random order; torch's own of the device if not given.

    Raises:
        ValueError: there is no such order.
    """
    if order == "random":
        return Groups(_serialized(grid, _random_codes(grid, generator)), _cut(grid, size))
    return grid.cached(
        ("curve", size, order),
        lambda: Groups(_serialized(grid, _curve_codes(grid, order)), _cut(grid, size)),
    )


def _curve_codes(grid: VoxelGrid, order: str) -> Tensor:
    curve, _, axes = order.partition("_")
    if curve not in ("morton", "hilbert") or sorted(axes) != ["x", "y", "z"]:
        raise InputError(f"order {order!r}; give 'random', 'morton_xyz', 'hilbert_zyx' or alike")
    cells = grid.coordinates[:, 1:] - grid.minimum
    if curve == "morton":
        return morton_codes(cells, axes)
    return hilbert_codes(cells[:, ["xyz".index(axis) for axis in axes]], bits=AXIS_BITS)


def _random_codes(grid: VoxelGrid, generator: torch.Generator | None) -> Tensor:
    device = grid.coordinates.device
    if generator is None:
        return torch.randperm(len(grid), device=device)
    return torch.randperm(len(grid), generator=generator).to(device)


def _serialized(grid: VoxelGrid, codes: Tensor) -> Tensor:
    """Rows by scene, then code."""
    scenes = grid.coordinates[:, 0].long() << (3 * AXIS_BITS)
    return torch.argsort(scenes | codes)


def _cut(grid: VoxelGrid, size: int) -> tuple[int, ...]:
    lengths: list[int] = []
    for count in grid.scene_sizes:
        lengths += [size] * (count // size) + [count % size] * (count % size > 0)
    return tuple(lengths)


def scene_groups(grid: VoxelGrid) -> Groups:
    """Every scene is one group."""
    order = torch.argsort(grid.coordinates[:, 0], stable=True)
    return Groups(order, tuple(count for count in grid.scene_sizes if count))
