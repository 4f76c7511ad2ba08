"""Smooth noise in space, for elastic distortion.

Simard et al., "Best Practices for Convolutional Neural Networks Applied to Visual Document
Analysis" (2003), in three dimensions.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter

from seg3d_ros.kernels import kernel
from seg3d_ros.scene import Float32

_BLURS = 2


def smooth_noise(cells: tuple[int, ...], rng: np.random.Generator) -> Float32:
    """Normal noise on a grid, averaged over the neighbours, (X, Y, Z, 3) float32.

    Args:
        cells: X, Y and Z.
        rng: where it comes from.
    """
    noise = rng.standard_normal((*cells, 3), np.float32)
    for _ in range(_BLURS):
        noise = uniform_filter(noise, size=(3, 3, 3, 1), mode="constant")
    return noise


@kernel
def trilinear(grid, places):  # type: ignore[no-untyped-def]
    """Interpolate a grid.

    Args:
        grid: (X, Y, Z, C) float32; the values at whole-numbered places.
        places: (N, 3) float32, not negative, below X - 1, Y - 1 and Z - 1.

    Returns:
        (N, C) float32.
    """
    values = np.zeros((len(places), grid.shape[3]), np.float32)
    for row in range(len(places)):
        x, y, z = int(places[row, 0]), int(places[row, 1]), int(places[row, 2])
        u, v, w = places[row, 0] - x, places[row, 1] - y, places[row, 2] - z
        for corner in range(8):
            i, j, k = corner >> 2, corner >> 1 & 1, corner & 1
            weight = (u if i else 1 - u) * (v if j else 1 - v) * (w if k else 1 - w)
            for channel in range(grid.shape[3]):
                values[row, channel] += weight * grid[x + i, y + j, z + k, channel]
    return values
