"""Segments found by geometry, as proposals for a network to judge.

Shape needs no training: where a network fails on what it never saw, planes and convex parts are
often right, and the reverse. At several tolerances for folds the same object comes whole once and
in parts another time; at the map's own voxels small things come apart from what they stand on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seg3d_ros.masks import Masks
from seg3d_ros.scene import Int64
from seg3d_ros.segmenters.geometric.decomposition import decompose_at
from seg3d_ros.segmenters.geometric.settings import GeometricSettings
from seg3d_ros.segmenters.geometric.surface import Surface

COARSE_CONCAVITIES = (8.0, 20.0, 45.0)  # degrees, see `GeometricSettings.concavity`
FINE_CONCAVITIES = (20.0,)
_SETTINGS = GeometricSettings(plane_area=0.2, min_voxels=5)


def geometric_segments(
    surface: Surface, concavities: Sequence[float] = COARSE_CONCAVITIES
) -> Int64:
    """Segment of each voxel in each decomposition, (N, K) int64, -1 for none.

    Planes are segments like the other parts: table tops are objects, too.

    Args:
        surface: of a scene of N voxels, in whose order the result is.
        concavities: K tolerances for folds, degrees.
    """
    segments = np.full((len(surface.order), len(concavities)), -1, np.int64)
    if not len(segments):
        return segments
    for column, decomposition in enumerate(decompose_at(surface, _SETTINGS, concavities)):
        parts = int(decomposition.part_of.max(initial=-1)) + 1
        plane_of = decomposition.planes.plane_of
        segments[surface.order, column] = np.where(
            plane_of >= 0, parts + plane_of, decomposition.part_of
        )
    return segments


def segment_masks(segments: Int64, voxel_of: Int64, voxels: int, *, least: int) -> Masks:
    """Masks of segments over coarser voxels, each once.

    Args:
        segments: (N, K) of `geometric_segments`.
        voxel_of: (N,) coarser voxel of each voxel of the segments.
        voxels: number of the coarser ones; a mask holds those of which it holds half.
        least: voxels of a mask.
    """
    rows, columns = np.nonzero(segments >= 0)
    owner = segments[rows, columns] * segments.shape[1] + columns
    members, counts = np.unique(owner * voxels + voxel_of[rows], return_counts=True)
    owner, voxel = np.divmod(members, voxels)
    half = 2 * counts >= np.bincount(voxel_of, minlength=voxels)[voxel]
    owner, voxel = owner[half], voxel[half]
    _, starts, sizes = np.unique(owner, return_index=True, return_counts=True)
    if not len(starts):
        return Masks.of_rows([], voxels)
    # Equal sets of voxels have equal sums of random numbers.
    numbers = np.random.default_rng(0).integers(1 << 62, size=voxels, dtype=np.uint64)
    firsts = np.unique(np.add.reduceat(numbers[voxel], starts), return_index=True)[1]
    masks = Masks(voxel.astype(np.int32), np.append(starts, len(voxel)), voxels)
    return masks.select(firsts[sizes[firsts] >= least])
