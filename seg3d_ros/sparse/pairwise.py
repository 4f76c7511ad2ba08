"""Sparse convolution over the pairs of neighbours that exist, for CPUs.

Output rows are taken in blocks small enough that what a block touches stays in the cache. In a
block the inputs of all pairs are gathered tap by tap, each tap multiplies its part, and every
output row sums its products: an embedding bag does that without scattering. At a surface a
voxel has about 14 of 27 neighbours, so this is half the arithmetic of a dense row of taps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from seg3d_ros.sparse.kernel_map import KernelMap
from seg3d_ros.sparse.merge_join import count_pairs, list_bags, list_inputs

BLOCK = 2048  # output rows; fastest at 64 and 128 channels, near it at 32


class _Block(NamedTuple):
    """Output rows that are computed together.

    Attributes:
        rows: which they are.
        pairs: their part of the list of pairs.
        taps: (tap, first, last + 1) of each tap that has pairs, counted from the first pair.
    """

    rows: slice
    pairs: slice
    taps: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, eq=False)
class PairList:
    """All pairs of a kernel map but those of its center tap, which need no gathering.

    Attributes:
        inputs: (P,) int32 input row of each pair, block by block and in a block tap by tap.
        outputs: (P,) int32 output row of each pair, counted from the first of its block.
        bags: (P,) int32 places of the pairs in their block, by output row.
        bag_starts: (N_out,) int32 where each output row starts in the bags of its block.
        blocks: the blocks.
    """

    inputs: Tensor
    outputs: Tensor
    bags: Tensor
    bag_starts: Tensor
    blocks: tuple[_Block, ...]


def convolve(features: Tensor, weight: Tensor, kernel_map: KernelMap) -> Tensor:
    """(N_in, C_in) features, (K, 1, C_in, C_out) weight -> (N_out, C_out)."""
    weight, pairs = weight[:, 0], list_pairs(kernel_map)
    if kernel_map.center is None:
        out = features.new_zeros(kernel_map.outputs, weight.shape[2])
    else:
        out = features @ weight[kernel_map.center]
    largest = max((block.pairs.stop - block.pairs.start for block in pairs.blocks), default=0)
    inputs = features.new_empty(largest, features.shape[1])
    products = features.new_empty(largest, weight.shape[2])
    for block in pairs.blocks:
        count = block.pairs.stop - block.pairs.start
        torch.index_select(features, 0, pairs.inputs[block.pairs], out=inputs[:count])
        for tap, start, stop in block.taps:
            torch.mm(inputs[start:stop], weight[tap], out=products[start:stop])
        bags, starts = pairs.bags[block.pairs], pairs.bag_starts[block.rows]
        out[block.rows] += embedding_bag(bags, products[:count], starts, mode="sum")
    return out


def correlate(
    features: Tensor, gradient: Tensor, kernel_map: KernelMap, *, like: Tensor
) -> Tensor:
    """Gradient of the weight `like`, from (N_in, C_in) features and (N_out, C_out) gradient."""
    total = like.new_zeros(like.shape, dtype=torch.promote_types(like.dtype, torch.float32))
    if kernel_map.center is not None:
        total[kernel_map.center, 0] = features.t() @ gradient
    pairs = list_pairs(kernel_map)
    for block in pairs.blocks:
        inputs = features.index_select(0, pairs.inputs[block.pairs])
        outputs = gradient[block.rows].index_select(0, pairs.outputs[block.pairs])
        for tap, start, stop in block.taps:
            total[tap, 0] += inputs[start:stop].t() @ outputs[start:stop]
    return total.to(like.dtype)


def list_pairs(kernel_map: KernelMap) -> PairList:
    """The pairs of a map; made once and kept on it."""
    if "pairs" not in kernel_map.plans:
        kernel_map.plans["pairs"] = _list_pairs(kernel_map)
    return kernel_map.plans["pairs"]


def _list_pairs(kernel_map: KernelMap) -> PairList:
    table = kernel_map.table.contiguous().numpy()
    skipped = -1 if kernel_map.center is None else kernel_map.center
    counts = count_pairs(table, BLOCK, skipped)
    ends = np.cumsum(counts).reshape(counts.shape)
    starts = ends - counts
    inputs, outputs, bags = (np.empty(counts.sum() + 1, np.int32) for _ in range(3))
    bag_starts = np.empty(table.shape[1], np.int32)
    list_inputs(table, BLOCK, skipped, inputs, outputs)
    list_bags(table, BLOCK, skipped, starts - starts[:, :1], bags, bag_starts)
    blocks = []
    for i, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        spans = enumerate(zip(start, end, strict=True))
        taps = tuple((tap, a - start[0], b - start[0]) for tap, (a, b) in spans if a < b)
        rows = slice(i * BLOCK, min((i + 1) * BLOCK, table.shape[1]))
        blocks.append(_Block(rows, slice(start[0], end[-1]), taps))
    return PairList(
        torch.from_numpy(inputs),
        torch.from_numpy(outputs),
        torch.from_numpy(bags),
        torch.from_numpy(bag_starts),
        tuple(blocks),
    )
