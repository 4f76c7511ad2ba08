"""Segments of shape and of colour under clicks, as candidates beside a network's masks.

A network that never saw a kind of room takes in what stands beside the object. Edges of shape and
colour need no training: planes, convex parts and pieces of one colour end where objects do, though
often too early or too late. So they do not decide, they vote.
"""

from __future__ import annotations

import numpy as np

from seg3d_ros.scene import Bool, Int64, Scene
from seg3d_ros.segmenters.geometric.color_segments import color_segments
from seg3d_ros.segmenters.geometric.proposals import geometric_segments
from seg3d_ros.segmenters.geometric.surface import build_surface
from seg3d_ros.sparse.scene_voxels import voxelize_points

_COARSER = 2  # edge of the voxels that are divided, in those of the scene
_FEWEST = 4  # of them in a segment


def segments_of(scene: Scene, rows: Int64) -> Int64:
    """Segment of each of (C,) voxels of a scene in K divisions, (C, K) int64, -1 for none."""
    edge = _COARSER * scene.voxel_size
    coarse, coarse_of = voxelize_points(scene.points[rows], scene.colors[rows], edge)
    surface = build_surface(coarse)
    found = [geometric_segments(surface), color_segments(surface, coarse.colors)]
    segments = np.concatenate(found, axis=1)
    for column in segments.T:  # views: small ones are noise
        _, place, sizes = np.unique(column, return_inverse=True, return_counts=True)
        column[sizes[place] < _FEWEST] = -1
    return segments[coarse_of]


def segments_at(segments: Int64, on: Int64, off: Int64) -> Bool:
    """Union of the segments that were clicked, in each division where they are told apart.

    Args:
        segments: (C, K) of `segments_of`.
        on: voxels of the clicks on the object.
        off: those of the clicks off it.

    Returns:
        (M, C) masks of the M divisions in which each click on the object is in a segment, and none
        off it in one of these.
    """
    masks = [
        np.isin(column, column[on])
        for column in segments.T
        if (column[on] >= 0).all() and not np.isin(column[off], column[on]).any()
    ]
    return np.array(masks, np.bool_).reshape(-1, len(segments))
