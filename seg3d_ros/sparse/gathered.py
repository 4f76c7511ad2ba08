"""Sparse convolution by gathering the features of all taps into one row per output voxel.

The rows [N_out, K * C_in] are made block by block and multiplied at once (implicit GEMM with
explicit blocks). Absent neighbours point at a row of zeros. Nothing depends on how many there
are, so a GPU is never waited for. A fused kernel can replace these two functions as they are.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from seg3d_ros.sparse.kernel_map import KernelMap

BLOCK_BYTES = 256 << 20  # of gathered features at a time


def convolve(features: Tensor, weight: Tensor, kernel_map: KernelMap) -> Tensor:
    """(N_in, C_in) features, (K, G, C_in / G, C_out / G) weight -> (N_out, C_out)."""
    groups, out_channels = weight.shape[1], weight.shape[1] * weight.shape[3]
    stacked = weight.transpose(0, 1).flatten(1, 2)  # (G, K * C_in / G, C_out / G)
    out = features.new_empty(kernel_map.outputs, out_channels)
    for start, stop, rows in _blocks(features, groups, kernel_map):
        product = torch.bmm(rows, stacked)  # (G, rows, C_out / G)
        out[start:stop] = product.transpose(0, 1).flatten(1)
    return out


def correlate(
    features: Tensor, gradient: Tensor, kernel_map: KernelMap, *, like: Tensor
) -> Tensor:
    """Gradient of the weight `like`, from (N_in, C_in) features and (N_out, C_out) gradient."""
    taps, groups, in_channels, out_channels = like.shape
    total = like.new_zeros(groups, taps * in_channels, out_channels, dtype=_sum_dtype(like))
    for start, stop, rows in _blocks(features, groups, kernel_map):
        part = gradient[start:stop].view(stop - start, groups, out_channels).transpose(0, 1)
        total += torch.bmm(rows.transpose(1, 2), part)
    return total.view(groups, taps, in_channels, out_channels).transpose(0, 1).to(like.dtype)


def _sum_dtype(like: Tensor) -> torch.dtype:
    return torch.promote_types(like.dtype, torch.float32)


def _blocks(
    features: Tensor, groups: int, kernel_map: KernelMap
) -> Iterator[tuple[int, int, Tensor]]:
    """Yield (start, stop, rows (G, stop - start, K * C_in / G)) of all output voxels."""
    table, channels = _rows_of_taps(kernel_map), features.shape[1]
    padded = torch.cat([features, features.new_zeros(1, channels)])
    taps = table.shape[1]
    step = max(1, BLOCK_BYTES // (taps * channels * features.element_size()))
    for start in range(0, len(table), step):
        block = table[start : start + step]
        rows = padded.index_select(0, block.flatten()).view(len(block), taps, groups, -1)
        yield start, start + len(block), rows.permute(2, 0, 1, 3).flatten(2)


def _rows_of_taps(kernel_map: KernelMap) -> Tensor:
    """The map as (N_out, K) int32 with the row of zeros where there is no neighbour."""
    if "rows_of_taps" not in kernel_map.plans:
        table = kernel_map.table.t()
        filled = torch.where(table < 0, kernel_map.inputs, table).int().contiguous()
        kernel_map.plans["rows_of_taps"] = filled
    return kernel_map.plans["rows_of_taps"]
