"""Kernel maps: for each tap of a convolution kernel, the input voxel at each output voxel.

A map is a table (K, N_out) of input rows, -1 where the neighbour is empty; K runs over the taps
with x slowest and z fastest. Both grids' keys are sorted, and moving or scaling all voxels alike
keeps their order: on a CPU one tap is therefore one merge of two sorted lists
(`merge_join.py`), on a GPU it is a search of sorted keys, without waiting for the device.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from seg3d_ros.sparse.grid import AXIS_BITS, MARGIN, VoxelGrid, pack
from seg3d_ros.sparse.merge_join import join_sorted, mirror


@dataclass(frozen=True, eq=False)
class KernelMap:
    """Neighbours of every output voxel.

    Attributes:
        table: (K, N_out) int32 input rows, -1 where there is none.
        inputs: number of input voxels.
        center: the tap at which each voxel meets itself; None where input and output differ.
    """

    table: Tensor
    inputs: int
    center: int | None = None
    plans: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def outputs(self) -> int:
        """Number of output voxels."""
        return self.table.shape[1]

    def transposed(self) -> KernelMap:
        """The map with input and output exchanged, tap by tap."""
        if "transposed" not in self.plans:
            self.plans["transposed"] = self._transpose()
        return self.plans["transposed"]

    def _transpose(self) -> KernelMap:
        if self.center is not None:  # taps lie symmetrically around the center
            return KernelMap(self.table.flip(0), self.inputs, self.center)
        taps = len(self.table)
        table = self.table.new_full((taps, self.inputs + 1), -1)
        rows = torch.arange(self.outputs, dtype=torch.int32, device=table.device)
        missing_last = torch.where(self.table < 0, self.inputs, self.table).long()
        table.scatter_(1, missing_last, rows.expand(taps, -1))
        return KernelMap(table[:, :-1].contiguous(), self.outputs)


def kernel_offsets(size: int) -> list[tuple[int, int, int]]:
    """Steps of the K = size³ taps: centerd for odd sizes, from 0 upwards for even ones."""
    start = -(size // 2) if size % 2 else 0
    steps = range(start, start + size)
    return [(x, y, z) for x in steps for y in steps for z in steps]


def submanifold_map(grid: VoxelGrid, size: int) -> KernelMap:
    """Map of an odd kernel whose output voxels are its input voxels; kept on the grid."""
    if size % 2 == 0:
        raise ValueError(f"a kernel of size {size} has no center; use an odd size at stride 1")
    return grid.cached(("submanifold", size), lambda: map_between(grid, grid, size=size, stride=1))


def strided_map(grid: VoxelGrid, size: int, stride: int) -> KernelMap:
    """Map of a kernel from a grid to the grid `stride` times coarser; kept on the fine grid."""
    coarse, _ = grid.coarser(stride)
    return grid.cached(
        ("strided", size, stride), lambda: map_between(grid, coarse, size=size, stride=stride)
    )


def map_between(fine: VoxelGrid, coarse: VoxelGrid, *, size: int, stride: int) -> KernelMap:
    """Map of a kernel from the voxels of one grid to those of another.

    Args:
        fine: input voxels.
        coarse: output voxels; the first tap of one lies `stride` times as far from the origin.
        size: edge of the kernel.
        stride: edge of a coarse voxel in fine ones.

    Raises:
        ValueError: the kernel is larger than keys have room for.
    """
    if size > 2 * MARGIN + 1:
        raise ValueError(f"kernel size {size}; the largest possible is {2 * MARGIN + 1}")
    center = size**3 // 2 if coarse is fine else None
    offsets = kernel_offsets(size)
    if fine.coordinates.device.type != "cpu":
        table = search_table(fine, coarse, offsets, stride=stride)
    elif center is None:
        table = _merge_table(fine, coarse, offsets, stride)
    else:
        table = _symmetric_table(fine, offsets)
    return KernelMap(table, len(fine), center)


def search_table(
    fine: VoxelGrid, coarse: VoxelGrid, offsets: list[tuple[int, int, int]], *, stride: int
) -> Tensor:
    """Table (K, N_out) int32 by binary search; needs no transfer from the device."""
    keys, rows = fine.sorted_keys
    if not len(keys):
        return rows.new_empty((len(offsets), len(coarse)), dtype=torch.int32)
    steps = torch.tensor([pack_step(*offset) for offset in offsets], device=keys.device)
    targets = _scaled_keys(coarse.coordinates, stride) + steps[:, None]
    place = torch.searchsorted(keys, targets).clamp_(max=len(keys) - 1)
    return torch.where(keys[place] == targets, rows[place], -1).int()


def _merge_table(
    fine: VoxelGrid, coarse: VoxelGrid, offsets: list[tuple[int, int, int]], stride: int
) -> Tensor:
    keys, rows = (part.numpy() for part in fine.sorted_keys)
    order = coarse.sorted_keys[1]
    targets = _scaled_keys(coarse.coordinates[order], stride).numpy()
    table = torch.full((len(offsets), len(coarse)), -1, dtype=torch.int32)
    for line, offset in zip(table.numpy(), offsets, strict=True):
        join_sorted(keys, rows, targets, order.numpy(), pack_step(*offset), line)
    return table


def _symmetric_table(grid: VoxelGrid, offsets: list[tuple[int, int, int]]) -> Tensor:
    """Only half of the taps is searched: if b is the neighbour of a, then a is that of b."""
    keys, rows = (part.numpy() for part in grid.sorted_keys)
    table = torch.full((len(offsets), len(grid)), -1, dtype=torch.int32)
    lines, half = table.numpy(), len(offsets) // 2
    for tap in range(half):
        join_sorted(keys, rows, keys, rows, pack_step(*offsets[tap]), lines[tap])
        mirror(lines[tap], lines[-1 - tap])
    table[half] = torch.arange(len(grid), dtype=torch.int32)
    return table


def _scaled_keys(coordinates: Tensor, stride: int) -> Tensor:
    factors = torch.tensor([1, stride, stride, stride], device=coordinates.device)
    return pack(coordinates * factors)


def pack_step(x: int, y: int, z: int) -> int:
    """Difference of two keys that lie (x, y, z) steps apart."""
    return (x << (2 * AXIS_BITS)) + (y << AXIS_BITS) + z
