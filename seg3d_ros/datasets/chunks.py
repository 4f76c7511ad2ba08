"""Large scenes as overlapping squares of the floor, each with all that is above it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from seg3d_ros.datasets.scene_arrays import SceneArrays
from seg3d_ros.scene import Bool, Float32, Float64, Int64
from seg3d_ros.sparse.voxel_keys import keys_of_points


@dataclass(frozen=True)
class ChunkSettings:
    """Cutting of scenes.

    Attributes:
        size: edge of a square, metres.
        stride: distance between two squares, metres.
        spacing: one point is kept in each voxel of this edge, metres.
        min_points: squares with fewer points are left out.
    """

    size: float = 6.0
    stride: float = 3.0
    spacing: float = 0.01
    min_points: int = 10_000


def cut_chunks(scene: SceneArrays, settings: ChunkSettings) -> Iterator[SceneArrays]:
    """Yield the squares of a scene, along y first.

    Args:
        scene: at least one point.
        settings: of the cutting.
    """
    _, first = np.unique(keys_of_points(scene.points, settings.spacing), return_index=True)
    scene = scene.take(np.sort(first))
    floor = scene.points[:, :2] - scene.points[:, :2].min(axis=0)
    extent = floor.max(axis=0)
    for x in _starts(float(extent[0]), settings):
        column = np.flatnonzero(_within(floor[:, 0], x, settings.size))
        for y in _starts(float(extent[1]), settings):
            rows: Int64 = column[_within(floor[column, 1], y, settings.size)]
            if len(rows) >= settings.min_points:
                yield scene.take(rows)


def _starts(extent: float, settings: ChunkSettings) -> Float64:
    """Lower edges of squares that cover 0 to `extent`; at least one."""
    count = max(int(np.ceil((extent - settings.size) / settings.stride)), 0) + 1
    return np.arange(count, dtype=np.float64) * settings.stride


def _within(values: Float32, low: float, size: float) -> Bool:
    return (values >= low) & (values <= low + size)
