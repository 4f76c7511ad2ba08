"""Sparse convolution over the pairs of neighbours that exist, for CPUs.

Output rows are taken in blocks small enough that what a block touches stays in the cache. In a
block the inputs of all pairs are gathered tap by tap, each tap multiplies its part, and every
output row sums its products: an embedding bag does that without scattering. At a surface a
voxel has about 14 of 27 neighbours, so this is half the arithmetic of a dense row of taps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from seg3d_ros.sparse.kernel_map import KernelMap
from seg3d_ros.sparse.merge_join import count_pairs, fill_pairs

BLOCK = 2048  # output rows; fastest at 64 and 128 channels, near it at 32


@dataclass(frozen=True, eq=False)
class _Block:
    """Pairs of one block of output rows; without the center tap, which needs no gathering.

    Attributes:
        rows: the output rows.
        taps: (tap, first pair, last pair + 1) of each tap that has any.
        inputs: (P,) int32 input row of each pair.
        outputs: (P,) int32 output row of each pair, from the start of the block.
        bags: (P,) int32 pairs in the order of output rows.
        bag_starts: (rows,) int32 where each output row starts in `bags`.
    """

    rows: slice
    taps: tuple[tuple[int, int, int], ...]
    inputs: Tensor
    outputs: Tensor
    bags: Tensor
    bag_starts: Tensor


def convolve(features: Tensor, weight: Tensor, kernel_map: KernelMap) -> Tensor:
    """(N_in, C_in) features, (K, 1, C_in, C_out) weight -> (N_out, C_out)."""
    weight = weight[:, 0]
    out = features.new_empty(kernel_map.outputs, weight.shape[2])
    if kernel_map.center is not None:
        torch.mm(features, weight[kernel_map.center], out=out)
    blocks = _blocks(kernel_map)
    largest = max((len(block.inputs) for block in blocks), default=0)
    gathered = features.new_empty(largest, features.shape[1])
    products = features.new_empty(largest, weight.shape[2])
    for block in blocks:
        _multiply(features, weight, block, gathered, products)
        pairs = products[: len(block.inputs)]
        sums = embedding_bag(block.bags, pairs, block.bag_starts, mode="sum")
        if kernel_map.center is None:
            out[block.rows] = sums
        else:
            out[block.rows] += sums
    return out


def _multiply(
    features: Tensor, weight: Tensor, block: _Block, gathered: Tensor, products: Tensor
) -> None:
    """Write the product of every pair of a block to the first rows of `products`."""
    rows = gathered[: len(block.inputs)]
    torch.index_select(features, 0, block.inputs, out=rows)
    for tap, start, stop in block.taps:
        torch.mm(rows[start:stop], weight[tap], out=products[start:stop])


def correlate(
    features: Tensor, gradient: Tensor, kernel_map: KernelMap, *, like: Tensor
) -> Tensor:
    """Gradient of the weight `like`, from (N_in, C_in) features and (N_out, C_out) gradient."""
    total = like.new_zeros(like.shape, dtype=torch.promote_types(like.dtype, torch.float32))
    if kernel_map.center is not None:
        total[kernel_map.center, 0] = features.t() @ gradient
    for block in _blocks(kernel_map):
        inputs = features.index_select(0, block.inputs)
        outputs = gradient[block.rows].index_select(0, block.outputs)
        for tap, start, stop in block.taps:
            total[tap, 0] += inputs[start:stop].t() @ outputs[start:stop]
    return total.to(like.dtype)


def _blocks(kernel_map: KernelMap) -> list[_Block]:
    if "pairs" not in kernel_map.plans:
        kernel_map.plans["pairs"] = _list_pairs(kernel_map)
    return kernel_map.plans["pairs"]


def _list_pairs(kernel_map: KernelMap) -> list[_Block]:
    table = kernel_map.table.contiguous().numpy()
    skipped = -1 if kernel_map.center is None else kernel_map.center
    counts = count_pairs(table, BLOCK, skipped)
    ends = np.cumsum(counts).reshape(counts.shape)
    inputs, outputs, bags = (np.empty(counts.sum(), np.int32) for _ in range(3))
    bag_starts = np.empty(table.shape[1], np.int32)
    fill_pairs(table, BLOCK, skipped, ends - counts, (inputs, outputs, bags, bag_starts))
    blocks = []
    for i, (count, end) in enumerate(zip(counts, ends, strict=True)):
        first, last = int(end[0] - count[0]), int(end[-1])
        taps = [
            (tap, int(end[tap] - count[tap]) - first, int(end[tap]) - first)
            for tap in count.nonzero()[0].tolist()
        ]
        rows = slice(i * BLOCK, min((i + 1) * BLOCK, table.shape[1]))
        blocks.append(
            _Block(
                rows,
                tuple(taps),
                *(
                    torch.from_numpy(part)
                    for part in (
                        inputs[first:last],
                        outputs[first:last],
                        bags[first:last],
                        bag_starts[rows],
                    )
                ),
            )
        )
    return blocks
