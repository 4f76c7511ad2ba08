"""Level of detail: no finer than a screen shows, no more points than a page draws."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seg3d_ros.scene import Float64, Int64
from seg3d_ros.viewer.tiles import TiledCloud

MAX_LEVEL = 4
_FINEST_PX = 1.5  # a voxel that looks smaller is shown coarser
_SHARE = 0.25  # of the points, that remains from level to level on a surface


def focal_px(fov: float, height: int) -> float:
    """Pixels per unit of tangent of a camera with a vertical field of view, radians."""
    return height / 2 / np.tan(fov / 2)


def levels_for(
    cloud: TiledCloud, eye: Float64, focal: float, *, max_points: int
) -> npt.NDArray[np.int64]:
    """(T,) level of each tile for an eye (3,), local coordinates, and a focal length in pixels."""
    half = cloud.grid.edge * np.sqrt(3) / 2
    middle = np.linalg.norm(cloud.grid.centers - eye, axis=1)
    distance = np.maximum(middle - half, cloud.grid.edge / 4)
    pixels = cloud.voxel_size * focal / distance
    finest = _FINEST_PX
    while True:
        wanted = np.ceil(np.log2(finest / pixels))
        levels: Int64 = np.clip(wanted, 0, MAX_LEVEL).astype(np.int64)
        if estimated_points(cloud, levels).sum() <= max_points or levels.min() == MAX_LEVEL:
            return levels
        finest *= np.sqrt(2)


def estimated_points(cloud: TiledCloud, levels: Int64) -> Float64:
    """(T,) number of points that tiles show at these levels, about."""
    return cloud.sizes() * _SHARE**levels
