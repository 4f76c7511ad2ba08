"""Overlapping masks made disjoint: every point goes to one segment at most."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seg3d_ros.scene import Bool, Instances, Int64

Int32 = npt.NDArray[np.int32]

NOBODY = -1
_KEPT_SHARE = 0.5  # a mask that keeps less than this after better ones is their duplicate


class Segments(NamedTuple):
    """Disjoint segments of a scene of N points.

    Attributes:
        of_point: (N,) int32 segment of each point, NOBODY where there is none.
        masks: (S,) int64, the row of `Instances` each segment comes from.
    """

    of_point: Int32
    masks: Int64


def disjoint_segments(instances: Instances, *, min_voxels: int) -> Segments:
    """Give each point to the best of the masks that hold it.

    Masks are laid down from the highest score to the lowest, the smaller one first where scores
    are equal; each takes the points that are still free, and is left out when fewer than half of
    its points were (the inference of panoptic segmentation: Kirillov et al., CVPR 2019; Cheng et
    al., "Per-Pixel Classification is Not All You Need", 2021, section 3.4). Scores that are not
    finite come last.
    """
    points = [_true_rows(mask) for mask in instances.masks]
    sizes = np.array([len(rows) for rows in points], np.int64)
    scores = np.nan_to_num(instances.scores, nan=-np.inf)
    of_point = np.full(instances.masks.shape[1], NOBODY, np.int32)
    kept: list[int] = []
    for mask in np.lexsort((sizes, -scores)):
        rows = points[mask]
        free = rows[of_point[rows] == NOBODY]
        if len(free) >= max(min_voxels, _KEPT_SHARE * len(rows), 1):
            of_point[free] = len(kept)
            kept.append(int(mask))
    return Segments(of_point, np.array(kept, np.int64))


def _true_rows(mask: Bool) -> Int64:
    return np.flatnonzero(mask)
