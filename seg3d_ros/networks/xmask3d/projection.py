"""Points that a camera view sees, and their pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seg3d_ros.scene import Bool, Float32, Float64, Int64

IMAGE_SHAPE = (240, 320)  # rows and columns of the grid that masks lie on
_BORDER = 10  # pixels that count as outside
_DEPTH_TOLERANCE = 0.25  # of the measured depth


@dataclass(frozen=True, eq=False)
class VisiblePoints:
    """Points of a scene that a view sees.

    Attributes:
        visible: (N,) bool of all points.
        rows: (P,) int64 image row of each visible point, in the order of the points.
        columns: (P,) int64 image column.
    """

    visible: Bool
    rows: Int64
    columns: Int64


def find_visible(
    points: Float32,
    map_from_camera: Float64,
    intrinsics: Float64,
    depth: Float32 | Float64 | None = None,
    *,
    shape: tuple[int, int] = IMAGE_SHAPE,
) -> VisiblePoints:
    """Points that project into the image and lie where the camera measured something.

    Args:
        points: (N, 3) metres, map frame.
        map_from_camera: (4, 4), optical frame with z forwards.
        intrinsics: (3, 3) or larger, of an image of this shape.
        depth: (H, W) metres, zero where nothing was measured; None: what is in front is seen.
        shape: H and W of the image.
    """
    height, width = shape
    camera_from_map = np.linalg.inv(map_from_camera)
    x, y, z = (points @ camera_from_map[:3, :3].T + camera_from_map[:3, 3]).T
    with np.errstate(divide="ignore", invalid="ignore"):
        u = np.round(x * intrinsics[0, 0] / z + intrinsics[0, 2])
        v = np.round(y * intrinsics[1, 1] / z + intrinsics[1, 2])
    visible = (u >= _BORDER) & (v >= _BORDER) & (u < width - _BORDER) & (v < height - _BORDER)
    if depth is None:
        visible &= z > 0
    else:
        inside = visible.nonzero()[0]
        measured = depth[v[inside].astype(np.int64), u[inside].astype(np.int64)]
        near = np.abs(measured - z[inside]) <= _DEPTH_TOLERANCE * measured
        visible[inside] = near & (measured > 0)
    return VisiblePoints(visible, v[visible].astype(np.int64), u[visible].astype(np.int64))
