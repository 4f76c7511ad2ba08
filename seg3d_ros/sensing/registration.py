"""Colour of a second camera brought onto the pixels of a depth image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from seg3d_ros.kernels import kernel
from seg3d_ros.scene import Camera, Float64, UInt8
from seg3d_ros.sensing.depth_image import DepthImage
from seg3d_ros.sensing.lens import lens_of, project

_NEAREST_Z = 0.01  # metres in front of the colour camera
# A point this much behind the nearest one that the same spot of the colour image shows is hidden.
_MARGIN_M = 0.02
_MARGIN_PER_RANGE = 0.03
_SPOT_PIXELS = 2.0  # size of a spot in depth pixels: gaps between them let nothing through


def register_color(
    depth: DepthImage, color: UInt8, camera: Camera, color_from_depth: Float64
) -> DepthImage:
    """Give each depth pixel the colour that the colour camera sees there.

    Args:
        depth: depth with the intrinsics of its own camera; its colours are not looked at.
        color: (H', W', 3) uint8 RGB.
        camera: intrinsics of the colour image.
        color_from_depth: (4, 4) rigid transform between the optical frames.

    Returns:
        The depth image with these colours; without depth where the colour camera sees nothing,
        or something nearer.
    """
    points = depth.points()
    pixels = np.full(len(points), -1, np.int64)
    ranges = np.zeros(len(points), np.float32)
    spot = max(1, round(_SPOT_PIXELS * abs(camera.fx / depth.camera.fx)))
    nearest = np.full((camera.height // spot + 1, camera.width // spot + 1), np.inf, np.float32)
    _look_up(points, color_from_depth[:3], lens_of(camera), color.shape[:2], pixels, ranges)
    _drop_hidden(pixels, ranges, spot, camera.width, nearest)
    seen = (pixels >= 0).reshape(depth.depth.shape)
    colors = np.zeros((len(points), 3), np.uint8)
    colors[pixels >= 0] = color.reshape(-1, 3)[pixels[pixels >= 0]]
    return replace(
        depth,
        color=colors.reshape(*depth.depth.shape, 3),
        depth=np.where(seen, depth.depth, depth.depth.dtype.type(0)),
    )


@kernel
def _look_up(points, m, lens, size, pixels, ranges):  # type: ignore[no-untyped-def]
    """Colour pixel, row by row, of each point and its distance along the optical axis."""
    height, width = size
    for i in range(points.shape[0]):
        x, y, z = np.float64(points[i, 0]), np.float64(points[i, 1]), np.float64(points[i, 2])
        depth = m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3]
        if not depth > _NEAREST_Z:
            continue
        across = m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3]
        down = m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3]
        u, v = project(lens, across / depth, down / depth)
        if -0.5 <= u < width - 0.5 and -0.5 <= v < height - 0.5:
            pixels[i] = np.int64(v + 0.5) * width + np.int64(u + 0.5)
            ranges[i] = depth


@kernel
def _drop_hidden(pixels, ranges, spot, width, nearest):  # type: ignore[no-untyped-def]
    """Set to -1 the pixels of points that others hide from the colour camera."""
    for i in range(pixels.size):
        if pixels[i] >= 0:
            row, column = pixels[i] // width // spot, pixels[i] % width // spot
            nearest[row, column] = min(nearest[row, column], ranges[i])
    for i in range(pixels.size):
        if pixels[i] >= 0:
            near = nearest[pixels[i] // width // spot, pixels[i] % width // spot]
            if ranges[i] > near + _MARGIN_M + _MARGIN_PER_RANGE * near:
                pixels[i] = -1
