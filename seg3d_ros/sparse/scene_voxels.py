"""Voxels of point clouds, and the voxel size that the density of a cloud supports."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from seg3d_ros.distinct import distinct
from seg3d_ros.scene import Float32, Int64, Scene
from seg3d_ros.sparse.voxel_keys import key_step, keys_of_points

_DENSE = 20  # of the 24 other voxels that a plane has around each
_STEPS = range(-2, 3)
_SURROUNDINGS = np.array([key_step(x, y, z) for x in _STEPS for y in _STEPS for z in _STEPS])
_NEIGHBORS = 8  # of the 3x3 surroundings on a surface
_SAMPLE = 1000  # points whose neighbours are looked up
_SPARSE = 1.0  # voxels between points from which on a surface has holes
_VOXEL_PER_SPACING = 1.4  # nearly every voxel of a surface then holds a point
_LARGEST_M = 0.2  # larger voxels show no furniture


def voxelize_points(
    points: Float32, colors: npt.NDArray[Any], voxel_size: float
) -> tuple[Scene, Int64]:
    """Scene with the mean position and colour of the points in each voxel.

    Args:
        points: (P, 3) metres, at least one.
        colors: (P, 3) RGB in [0, 1], or in another range that the scene then has, too.
        voxel_size: metres.

    Returns:
        The scene, and the (P,) row in it of each point.
    """
    keys, rows, counts = np.unique(
        keys_of_points(points, voxel_size), return_inverse=True, return_counts=True
    )

    def mean(values: npt.NDArray[Any]) -> Float32:
        sums = [np.bincount(rows, values[:, axis]) for axis in range(3)]
        return (np.stack(sums, axis=1) / counts[:, None]).astype(np.float32)

    return Scene(mean(points), mean(colors), keys, voxel_size), rows


def typical_occupancy(scene: Scene) -> float:
    """Median number of other voxels in the 5x5x5 surroundings of a voxel; 24 on a dense plane.

    Args:
        scene: at least one voxel.
    """
    keys = distinct(keys_of_points(scene.points, scene.voxel_size))
    around = keys[:: -(-len(keys) // _SAMPLE), None] + _SURROUNDINGS
    place = np.minimum(np.searchsorted(keys, around), len(keys) - 1)
    return float(np.median(np.count_nonzero(keys[place] == around, axis=1))) - 1


def point_spacing(points: Float32) -> float:
    """Typical distance between (P, 3) points on a surface, metres; infinite for a handful.

    It is that of a square grid with as many points an area as around the median point, so that
    scanners' lines and random samples are measured alike.
    """
    if len(points) <= _NEIGHBORS:
        return float("inf")
    sample = points[:: -(-len(points) // _SAMPLE)]
    farthest = cKDTree(points).query(sample, [_NEIGHBORS + 1])[0]
    return float(np.sqrt(np.pi / _NEIGHBORS) * np.median(farthest))


def supported_voxel_size(scene: Scene) -> float:
    """The scene's own voxel size, or a larger one at which its surfaces have no holes, m."""
    if not len(scene) or typical_occupancy(scene) >= _DENSE:
        return scene.voxel_size
    order = np.argsort(scene.element_ids)  # the sample is the same whatever the points' order
    spacing = point_spacing(scene.points[order])
    if not _SPARSE * scene.voxel_size < spacing < np.inf:
        return scene.voxel_size
    # Whole millimetres, which people can type.
    wanted = float(np.ceil(1000 * _VOXEL_PER_SPACING * spacing) / 1000)
    return max(scene.voxel_size, min(wanted, _LARGEST_M))
