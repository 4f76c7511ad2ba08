"""Points of a scene under a pointer."""

from __future__ import annotations

import numpy as np

from seg3d_ros.scene import Float32, Float64

_SLOPE = 0.002  # radians beside the ray that still count: about two pixels


def first_hit(
    points: Float32, origin: Float64, direction: Float64, *, radius: float, ceiling: float
) -> int:
    """Row of the first point that a ray touches, -1 where it touches none.

    Args:
        points: (N, 3) float32, metres.
        origin: (3,) of the ray, metres, in the same frame.
        direction: (3,) of the ray.
        radius: of a point, metres; it grows with the distance by what two pixels see.
        ceiling: points above this height, metres, are not there.
    """
    length = float(np.linalg.norm(direction))
    if not (0 < length < np.inf and np.isfinite(origin).all()):
        return -1
    unit = (direction / length).astype(np.float32)
    away = points - origin.astype(np.float32)
    along = away @ unit
    aside = np.einsum("ij,ij->i", away, away) - along * along  # squared
    reach = radius + _SLOPE * along
    touched = np.flatnonzero((along > 0) & (aside <= reach * reach) & (points[:, 2] <= ceiling))
    if not len(touched):
        return -1
    # Among neighbours of one surface the one nearest to the ray.
    depth = along[touched] + np.sqrt(np.maximum(aside[touched], 0))
    return int(touched[depth.argmin()])
