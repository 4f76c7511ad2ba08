"""Segments of one colour: what shape cannot tell apart, such as paper on a desk.

Felzenszwalb and Huttenlocher, "Efficient Graph-Based Image Segmentation" (2004), on touching
voxels, weighted by the distance of their colours in CIELAB.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seg3d_ros.kernels import kernel
from seg3d_ros.scene import Float32, Float64, Int64
from seg3d_ros.segmenters.geometric.surface import Surface, square_distance
from seg3d_ros.segmenters.superpoints import ascending_edges, join_edges

SCALES = (40.0, 80.0, 160.0)  # of observation: distance of colours times voxels
_SMALLEST = 4  # voxels of a segment
_PAINT = 0.02  # colours of a scene that differ less are one
_TOUCHING = 1.8  # voxels between two that do
# CIE 1931 of sRGB over its white point D65 (IEC 61966-2-1), rows R, G, B.
_XYZ_OF_RGB = np.array(
    [[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]]
) / (0.9505, 1.0, 1.089)


def color_segments(surface: Surface, colors: Float32, scales: Sequence[float] = SCALES) -> Int64:
    """Segment of each voxel at each scale, (N, K) int64; -1 in scenes of a single colour.

    Args:
        surface: of a scene of N voxels.
        colors: (N, 3) RGB in [0, 1] of the scene's voxels, in its order, as is the result.
        scales: K; larger ones give larger segments.
    """
    segments = np.full((len(colors), len(scales)), -1, np.int64)
    if not len(colors) or np.ptp(colors, axis=0).max() < _PAINT:
        return segments
    edges = _touching_pairs(surface)
    lab = cielab(colors[surface.order])
    steps = lab[edges[:, 0]] - lab[edges[:, 1]]
    weights = np.sqrt(np.einsum("ij,ij->i", steps, steps)).astype(np.float32)
    edges, weights = ascending_edges(edges, weights)
    for column, scale in enumerate(scales):
        segments[surface.order, column] = join_edges(
            edges, weights, len(colors), threshold=scale, smallest=_SMALLEST
        )
    return segments


def cielab(colors: Float32) -> Float64:
    """(N, 3) CIELAB of (N, 3) sRGB in [0, 1]."""
    rgb = colors.astype(np.float64)
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    xyz = linear @ _XYZ_OF_RGB
    x, y, z = np.where(xyz > 216 / 24389, np.cbrt(xyz), xyz * (841 / 108) + 4 / 29).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


@kernel
def _touching_pairs(surface):  # type: ignore[no-untyped-def]
    """(E, 2) int32 rows i < j of voxels that touch."""
    reach = (_TOUCHING * surface.voxel_size) ** 2
    pairs = np.empty((surface.neighbors.size // 2, 2), np.int32)
    count = 0
    for i in range(len(surface.points)):
        for at in range(surface.starts[i], surface.starts[i + 1]):
            j = surface.neighbors[at]
            if j > i and square_distance(surface.points, i, j) <= reach:
                pairs[count, 0], pairs[count, 1] = i, j
                count += 1
    return pairs[:count].copy()
