"""Points of a file that are too far from the rest to belong to the scene."""

from __future__ import annotations

import numpy as np

from seg3d_ros.scene import Bool, Float64

_NEAR_M = 100.0  # nobody minds so much around a room
_REACH = 20  # times the middle half of a scene
_FEW = 0.01  # of the points; more are a part of the scene
_SAMPLE = 200_000


def stray_rows(points: Float64) -> Bool:
    """Mark wrong measurements: few points far from all others, and zeros far from the rest.

    Where the scene lies far from zero, points at (0, 0, 0) are what scanners and converters write
    for "nothing measured", however many there are.

    Args:
        points: (P, 3) metres, finite, P >= 1.

    Returns:
        (P,) True for strays.
    """
    sample = points[:: 1 + len(points) // _SAMPLE]
    measured = sample[sample.any(axis=1)]
    low, high = np.percentile(measured if len(measured) else sample, [25, 75], axis=0)
    reach = max(_NEAR_M, _REACH * float((high - low).max()))
    far = (np.abs(points - (low + high) / 2) > reach).any(axis=1)
    blank = far & ~points.any(axis=1)
    few = np.count_nonzero(far & ~blank) <= _FEW * len(points)
    return far if few else blank
