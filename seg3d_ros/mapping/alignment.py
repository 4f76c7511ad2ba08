"""Alignment of level maps: iterative closest point (Besl and McKay, 1992) with four parameters.

Pairs farther apart than a shrinking distance are left out (Chetverikov et al., trimmed ICP, 2002).
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from seg3d_ros.scene import Float64
from seg3d_ros.sensing.transforms import level_pose, transformed
from seg3d_ros.sparse.hash_index import first_rows
from seg3d_ros.sparse.voxel_keys import keys_of_points

SPACING_M = 0.06  # of the points that are compared
_REACHES_M = (0.5, 0.3, 0.2, 0.12)  # largest distances of a pair, one after the other
_STEPS = 12  # for each of them, at most
_SETTLED_M = 5e-4  # by which a step no longer moves the points


def thinned(points: Float64) -> Float64:
    """Points (M, 3) of (N, 3), one in each cell of SPACING_M."""
    return points[first_rows(keys_of_points(points, SPACING_M))]


def align(source: Float64, target: cKDTree, guess: Float64) -> Float64:
    """Pose (4, 4) that puts points onto a map, from a guess nearby.

    Args:
        source: (N, 3) thinned points.
        target: those of the map.
        guess: (4, 4) target_from_source, a turn about z and a shift.
    """
    pose = guess
    for reach in _REACHES_M:
        for _ in range(_STEPS):
            placed = transformed(source, pose)
            gaps, rows = target.query(placed, distance_upper_bound=reach)
            paired = np.isfinite(gaps)
            if np.count_nonzero(paired) < 10:
                return pose
            step = _level_fit(placed[paired], target.data[rows[paired]])
            pose = step @ pose
            moved = transformed(placed, step) - placed
            if np.abs(moved).max() < _SETTLED_M:
                break
    return pose


def _level_fit(source: Float64, target: Float64) -> Float64:
    """Turn about z and shift (4, 4) that put (K, 3) points nearest to (K, 3) others."""
    source_middle, target_middle = source.mean(axis=0), target.mean(axis=0)
    a, b = source - source_middle, target - target_middle
    turn = np.arctan2(
        (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum(),
        (a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1]).sum(),
    )
    pose = level_pose(float(turn), np.zeros(3))
    pose[:3, 3] = target_middle - pose[:3, :3] @ source_middle
    return pose
