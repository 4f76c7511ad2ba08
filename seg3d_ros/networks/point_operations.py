"""Sampling, neighbours and interpolation of points, the same on every device.

On the CPU compiled loops and k-d trees, on a GPU torch alone; both compute distances from
differences, because the matrix product that `torch.cdist` prefers loses half of the digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn.functional import embedding_bag

from seg3d_ros.kernels import kernel
from seg3d_ros.scene import Float32, Int64

MAX_POINTS = 250_000  # of one cloud
NEIGHBORS = 3  # that a value is interpolated from
_BLOCK = 2048  # points of which one maximum is kept
_DISTANCES_AT_ONCE = 1 << 26
_LEAST_SQUARE = 1e-8  # keeps the weight of a point at its own place finite
_THREADS_OF_REFERENCE = (32, 512)


def check_cloud_size(count: int) -> None:
    """Refuse clouds that would need tens of gigabytes.

    Raises:
        ValueError: there are no points, or more than `MAX_POINTS`.
    """
    if not 1 <= count <= MAX_POINTS:
        raise ValueError(
            f"the cloud has {count} points; 1 to {MAX_POINTS} can be encoded: "
            "take a part of it, or larger voxels"
        )


def sample_farthest(points: Tensor, count: int) -> Tensor:
    """Points that are far apart, chosen one after another; the first one is point 0.

    Of several equally far points the one is taken that the CUDA kernel behind the released
    weights takes; where all distinct points are used up, the last one is repeated.

    Args:
        points: (B, N, 3) float32, finite.
        count: how many to choose, G <= N.

    Returns:
        (B, G) int64 rows.
    """
    if not 1 <= count <= points.shape[1]:
        raise ValueError(f"{count} of {points.shape[1]} points asked for; ask for 1 to all")
    order = torch.from_numpy(_tie_order(points.shape[1])).to(points.device)
    columns = points.float()[:, order].permute(0, 2, 1).contiguous()  # (B, 3, N)
    if points.device.type == "cpu":
        clouds = columns.detach().numpy()
        places = torch.from_numpy(np.stack([_farthest(cloud, count) for cloud in clouds]))
    else:
        places = _farthest_in_torch(columns, count)
    return order[places]


def find_nearest(points: Tensor, queries: Tensor, count: int) -> Tensor:
    """Rows of the nearest points of each query, nearest first.

    Args:
        points: (B, N, 3) float32.
        queries: (B, Q, 3) float32.
        count: neighbours of each, K <= N.

    Returns:
        (B, Q, K) int64.
    """
    if not 1 <= count <= points.shape[1]:
        raise ValueError(f"{count} neighbours among {points.shape[1]} points asked for")
    if points.device.type == "cpu":
        pairs = zip(points.detach().numpy(), queries.detach().numpy(), strict=True)
        return torch.from_numpy(np.stack([_nearest_in_tree(p, q, count) for p, q in pairs]))
    return torch.stack(
        [_nearest_in_torch(p, q, count) for p, q in zip(points, queries, strict=True)]
    )


@dataclass(frozen=True, eq=False)
class Interpolation:
    """Carries values from few points to many: weighted by the inverse square distance.

    Attributes:
        index: (B, N, K) int64 rows of the points with values.
        weight: (B, N, K) float32, each row of sum 1.
    """

    index: Tensor
    weight: Tensor

    def __call__(self, values: Tensor) -> Tensor:
        """Values (B * M, G, C), the M sets of a cloud together -> (B * M, N, C)."""
        sets, rows, channels = values.shape
        clouds, points, neighbors = self.index.shape
        repeats = sets // clouds
        index = self.index.repeat_interleave(repeats, 0)
        index = index + rows * torch.arange(sets, device=index.device)[:, None, None]
        weight = self.weight.repeat_interleave(repeats, 0).to(values.dtype)
        out = embedding_bag(
            index.view(-1, neighbors),
            values.flatten(0, 1),
            per_sample_weights=weight.view(-1, neighbors),
            mode="sum",
        )
        return out.view(sets, points, channels)


def interpolation_between(sources: Tensor, targets: Tensor) -> Interpolation:
    """From (B, G, 3) points with values to (B, N, 3) points without."""
    index = find_nearest(sources, targets, min(NEIGHBORS, sources.shape[1]))
    inverse = 1 / square_lengths(gather(sources, index) - targets[:, :, None]).clamp_min(
        _LEAST_SQUARE
    )
    return Interpolation(index, inverse / inverse.sum(-1, keepdim=True))


def gather(values: Tensor, index: Tensor) -> Tensor:
    """Rows of (B, N, C) values at (B, ...) indices -> (B, ..., C)."""
    clouds = torch.arange(len(values), device=values.device)
    return values[clouds.view(-1, *[1] * (index.ndim - 1)), index]


def square_lengths(vectors: Tensor) -> Tensor:
    """(..., 3) -> (...)."""
    x, y, z = vectors.unbind(-1)
    return x * x + y * y + z * z


@lru_cache(maxsize=8)
def _tie_order(count: int) -> Int64:
    """(N,) rows in the order in which the reference's kernel prefers equally far points.

    Its T threads take the points in turn and are compared pairwise, halving their number, which
    puts them in the order of their number's reversed bits.
    """
    low, high = _THREADS_OF_REFERENCE
    bits = min(max((count - 1).bit_length(), low.bit_length() - 1), high.bit_length() - 1)
    thread = np.arange(count) % (1 << bits)
    rank = np.zeros(count, np.int64)
    for bit in range(bits):
        rank |= ((thread >> bit) & 1) << (bits - 1 - bit)
    return np.argsort(rank, kind="stable")


def _farthest(cloud: Float32, count: int) -> Int64:
    return _farthest_compiled(cloud[0], cloud[1], cloud[2], count)


@kernel
def _farthest_compiled(x, y, z, count):  # type: ignore[no-untyped-def]
    """(G,) rows; the first of several equally far points."""
    chosen = np.empty(count, np.int64)
    nearest = np.full(x.size, np.float32(np.inf))
    last = 0
    for k in range(count):
        chosen[k] = last
        cx, cy, cz = x[last], y[last], z[last]
        best, block = np.float32(0), -1
        for start in range(0, x.size, _BLOCK):
            part = slice(start, start + _BLOCK)
            peak = _approach(x[part], y[part], z[part], (cx, cy, cz), nearest[part])
            if peak > best:
                best, block = peak, start
        if block >= 0:
            last = block
            while nearest[last] != best:
                last += 1
    return chosen


# The flags let the maximum be computed in vectors; points are finite, so nothing else changes.
@kernel(fastmath={"nnan", "nsz"})
def _approach(x, y, z, center, nearest):  # type: ignore[no-untyped-def]
    """Lower the square distances to a new center; return the largest that is left."""
    cx, cy, cz = center
    peak = np.float32(0)
    for i in range(x.size):
        dx, dy, dz = x[i] - cx, y[i] - cy, z[i] - cz
        near = min(nearest[i], dx * dx + dy * dy + dz * dz)
        nearest[i] = near
        peak = max(peak, near)
    return peak


def _farthest_in_torch(columns: Tensor, count: int) -> Tensor:
    """(B, 3, N) -> (B, G) places; `max` gives the first of several equal ones.

    A step is seven kernels, most of them short; nothing in it makes the host wait.
    """
    last = torch.zeros(len(columns), 1, dtype=torch.int64, device=columns.device)
    nearest = torch.full_like(columns[:, 0], torch.inf)
    places, peaks = [last], []
    for _ in range(count - 1):
        center = columns.gather(2, last[:, None].expand(-1, 3, 1))
        x, y, z = (columns - center).square_().unbind(1)
        torch.minimum(nearest, (x + y).add_(z), out=nearest)
        peak, last = nearest.max(1, keepdim=True)
        places.append(last)
        peaks.append(peak)
    chosen = torch.cat(places, 1)
    if not peaks:
        return chosen
    # Once no point is away from all chosen ones, the last one that was is repeated.
    steps = torch.arange(1, count, device=columns.device)
    newest = (steps * (torch.cat(peaks, 1) > 0)).cummax(1).values
    return torch.cat([chosen[:, :1], chosen.gather(1, newest)], 1)


def _nearest_in_tree(points: Float32, queries: Float32, count: int) -> Any:
    tree = cKDTree(points, compact_nodes=False, balanced_tree=False)
    return tree.query(queries, k=count)[1].reshape(len(queries), count)


def _nearest_in_torch(points: Tensor, queries: Tensor, count: int) -> Tensor:
    rows = max(1, _DISTANCES_AT_ONCE // len(points))
    parts = [
        torch.cdist(part, points, compute_mode="donot_use_mm_for_euclid_dist")
        for part in torch.split(queries, rows)
    ]
    return torch.cat([part.topk(count, largest=False).indices for part in parts])
