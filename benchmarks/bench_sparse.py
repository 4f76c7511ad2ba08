"""The sparse engine on a CPU: convolutions and kernel map beside spconv's CPU build.

The voxels are those of a noisy room at 2 cm: two walls, a floor and boxes, about 14 of 27
neighbours each. Both libraries run in turn in the same process, so that a busy machine slows
both. spconv 2.3.8 is timed only: its sums are wrong when several threads make them.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.table import Row, measure, print_table
from seg3d_ros.scene import Int64
from seg3d_ros.sparse.attention import grouped_attention
from seg3d_ros.sparse.convolution import SparseConv3d
from seg3d_ros.sparse.grid import VoxelGrid
from seg3d_ros.sparse.grouping import curve_groups, window_groups
from seg3d_ros.sparse.kernel_map import submanifold_map
from seg3d_ros.sparse.pairwise import list_pairs
from seg3d_ros.sparse.tensor import SparseTensor

VOXELS = 76_000
SIZE = 0.02
REPEATS = 15


def run() -> list[Row]:
    """Measure the kernel map, convolutions and attention."""
    coordinates = room_voxels()
    with torch.inference_mode():
        rows = [_map_row(coordinates)]
        rows += [_convolution_row(coordinates, channels) for channels in (32, 64, 128)]
        return [*rows, *_attention_rows(coordinates)]


def room_voxels() -> Int64:
    """(VOXELS, 3) occupied voxels of a room's surfaces, sorted by x, y, z."""
    rng = np.random.default_rng(0)
    parts = [
        _rectangle(rng, [0, 0, 0], [3, 0, 0], [0, 3, 0]),
        _rectangle(rng, [0, 0, 0], [3, 0, 0], [0, 0, 2]),
        _rectangle(rng, [0, 0, 0], [0, 3, 0], [0, 0, 2]),
    ]
    for _ in range(5):
        corner, edge = rng.random(3) * [2, 2, 0.1], rng.uniform(0.3, 0.9, 3)
        for axis in range(3):
            u, v, w = np.eye(3)[[axis, axis - 1, axis - 2]] * edge
            parts += [_rectangle(rng, corner, u, v), _rectangle(rng, corner + w, u, v)]
    voxels = np.unique(np.floor(np.concatenate(parts) / SIZE).astype(np.int64), axis=0)
    return voxels[:VOXELS]


def _rectangle(rng: np.random.Generator, corner: object, u: object, v: object) -> np.ndarray:
    """Points of a rectangle, one a square centimetre, with 4 mm of noise."""
    corner, u, v = (np.asarray(side, float) for side in (corner, u, v))
    count = int(np.linalg.norm(np.cross(u, v)) * 1e4)
    a, b = rng.random((2, count, 1))
    return corner + a * u + b * v + rng.normal(0, 0.004, (count, 3))


def _map_row(coordinates: Int64) -> Row:
    batched = _batched(coordinates)
    ms = measure(lambda: list_pairs(submanifold_map(VoxelGrid(batched), 3)), repeats=REPEATS)
    return Row(f"kernel map k=3, {len(batched)} voxels", ms, note="with sorting and pair lists")


def _convolution_row(coordinates: Int64, channels: int) -> Row:
    x = SparseTensor(VoxelGrid(_batched(coordinates)), torch.randn(len(coordinates), channels))
    conv = SparseConv3d(channels, channels, 3, bias=False)
    theirs = _spconv(coordinates, x.features)
    ours_ms, theirs_ms = _in_turn(lambda: conv(x), theirs)
    stage = f"convolution k=3, {channels} channels"
    return Row(stage, ours_ms, "spconv" if theirs else "", theirs_ms, "kernel map made before")


def _spconv(coordinates: Int64, features: torch.Tensor) -> Callable[[], object] | None:
    try:
        import spconv.pytorch as spconv
    except ImportError:
        return None
    channels = features.shape[1]
    conv = spconv.SubMConv3d(channels, channels, 3, bias=False, indice_key="room")
    shifted = _batched(coordinates - coordinates.min(0))
    extent = (np.ptp(coordinates, axis=0) + 1).tolist()
    x = spconv.SparseConvTensor(features, shifted, extent, 1)
    x = conv(x).replace_feature(features)  # with its kernel map
    return lambda: conv(x)


def _in_turn(
    ours: Callable[[], object], theirs: Callable[[], object] | None
) -> tuple[float, float | None]:
    """Median milliseconds of two functions that take turns."""
    functions = [ours, theirs] if theirs else [ours]
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(REPEATS + 1):
        for function, of_function in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            of_function.append(time.perf_counter() - start)
    medians = [1e3 * statistics.median(of_function[1:]) for of_function in times]
    return medians[0], medians[1] if theirs else None


def _attention_rows(coordinates: Int64) -> list[Row]:
    grid = VoxelGrid(_batched(coordinates))
    q, k, v = torch.randn(3, len(grid), 2, 16).unbind(0)
    groups = {
        "curve attention, patches of 1024": curve_groups(grid, 1024, "morton_xyz"),
        "window attention, 32 voxels": window_groups(grid, 32, "zero"),
    }
    return [
        Row(stage, measure(lambda g=g: grouped_attention(q, k, v, g), repeats=3), note="2 x 16")
        for stage, g in groups.items()
    ]


def _batched(coordinates: Int64) -> torch.Tensor:
    scene = np.zeros((len(coordinates), 1), np.int32)
    return torch.from_numpy(np.concatenate([scene, coordinates], axis=1, dtype=np.int32))


if __name__ == "__main__":
    print_table(run())
