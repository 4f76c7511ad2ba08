"""Sparse convolution over the pairs of neighbours that exist, for CPUs.

At a surface a voxel has about 14 of 27 neighbours: half the arithmetic of a dense row of taps.
Output rows are taken in blocks, and a block tap by tap, so that its rows and the weight of the
tap stay in the cache. Each thread takes a range of blocks from the first gather to the last sum.
Matrix products of a tap at a time, each shared between threads, wait for one another a thousand
times in a convolution, which is slow where threads have other work beside them.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from seg3d_ros.scene import Int64
from seg3d_ros.sparse.kernel_map import KernelMap
from seg3d_ros.sparse.merge_join import Int32, count_pairs, fill_pairs
from seg3d_ros.sparse.pair_products import DEPTH, WIDTHS, convolve_pairs, correlate_pairs

BLOCK = 1024  # output rows

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class PairList:
    """All pairs of a kernel map, block by block, in a block tap by tap.

    Attributes:
        pairs: (inputs, outputs, bounds): the (P,) input and output row of each pair, and the
            (blocks * K + 1,) first pair of each tap of each block.
        blocks: number of blocks.
    """

    pairs: tuple[Int32, Int32, Int64]
    blocks: int

    def share(self, work: Callable[[int, int], Result]) -> list[Result]:
        """Run `work(first, last)` on a range of blocks on each thread that torch may use."""
        threads = max(1, min(self.blocks, torch.get_num_threads()))
        if threads == 1:
            return [work(0, self.blocks)]
        edges = [self.blocks * i // threads for i in range(threads + 1)]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(work, edges[:-1], edges[1:]))


def convolve(features: Tensor, weight: Tensor, kernel_map: KernelMap) -> Tensor:
    """(N_in, C_in) features, (K, 1, C_in, C_out) weight -> (N_out, C_out)."""
    listed, dtype = list_pairs(kernel_map), _sum_dtype(features)
    x = _padded(features.to(dtype), DEPTH).numpy()
    tiles = _tiles(weight[:, 0].to(dtype)).numpy()
    out = torch.zeros(kernel_map.outputs + 1, tiles.shape[1] * tiles.shape[3], dtype=dtype)
    listed.share(lambda *blocks: convolve_pairs(x, tiles, listed.pairs, *blocks, out.numpy()))
    return out[:-1, : weight.shape[3]].to(features.dtype).contiguous()


def correlate(
    features: Tensor, gradient: Tensor, kernel_map: KernelMap, *, like: Tensor
) -> Tensor:
    """Gradient of the weight `like`, from (N_in, C_in) features and (N_out, C_out) gradient."""
    listed, dtype = list_pairs(kernel_map), _sum_dtype(features)
    width = _tile_width(gradient.shape[1])
    x = _padded(features.to(dtype), DEPTH).numpy()
    g = _padded(gradient.to(dtype), width).numpy()
    shape = len(like), g.shape[1] // width, x.shape[1], width

    def sum_blocks(first: int, last: int) -> Tensor:
        tiles = torch.zeros(shape, dtype=dtype)
        correlate_pairs(x, g, listed.pairs, first, last, tiles.numpy())
        return tiles

    total = torch.stack(listed.share(sum_blocks)).sum(0).transpose(1, 2).flatten(2)
    return total[:, None, : like.shape[2], : like.shape[3]].to(like.dtype).contiguous()


def _sum_dtype(features: Tensor) -> torch.dtype:
    return torch.promote_types(features.dtype, torch.float32)


def _tile_width(columns: int) -> int:
    return min(WIDTHS, key=lambda width: -columns % width)


def _tiles(weight: Tensor) -> Tensor:
    """(K, C_in, C_out) -> (K, tiles, C_in, width), with zeros up to full depths and widths."""
    taps, depth, columns = weight.shape
    width = _tile_width(columns)
    padded = pad(weight, (0, -columns % width, 0, -depth % DEPTH))
    return padded.view(taps, padded.shape[1], -1, width).transpose(1, 2).contiguous()


def _padded(x: Tensor, multiple: int) -> Tensor:
    """Zeros behind the last column, up to a multiple."""
    missing = -x.shape[1] % multiple
    return pad(x, (0, missing)) if missing else x.contiguous()


def list_pairs(kernel_map: KernelMap) -> PairList:
    """The pairs of a map; made once and kept on it."""
    if "pairs" not in kernel_map.plans:
        kernel_map.plans["pairs"] = _list_pairs(kernel_map)
    return kernel_map.plans["pairs"]


def _list_pairs(kernel_map: KernelMap) -> PairList:
    table = kernel_map.table.contiguous().numpy()
    counts = count_pairs(table, BLOCK)
    bounds = np.concatenate([[0], np.cumsum(counts)])
    inputs, outputs = (np.empty(bounds[-1] + 1, np.int32) for _ in range(2))
    fill_pairs(table, BLOCK, inputs, outputs)
    return PairList((inputs, outputs, bounds), len(counts))
