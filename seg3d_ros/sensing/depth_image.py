"""Depth images, and their points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seg3d_ros.errors import InputError
from seg3d_ros.kernels import kernel
from seg3d_ros.scene import Camera, Float32, Float64, UInt8
from seg3d_ros.sensing.lens import view_rays


@dataclass(frozen=True, eq=False)
class DepthImage:
    """A colour image and a depth image, pixel on pixel.

    Attributes:
        color: (H, W, 3) uint8 RGB.
        depth: (H, W) uint16 or float32; zero and NaN mean "nothing measured".
        depth_unit: metres of one unit of depth.
        camera: intrinsics of both images.
        frame_from_camera: (4, 4) float64 rigid transform from the camera's own axes to its
            coordinate frame; None where they are the same.
    """

    color: UInt8
    depth: npt.NDArray[np.uint16] | Float32
    depth_unit: float
    camera: Camera
    frame_from_camera: Float64 | None = None

    def __post_init__(self) -> None:
        size = (self.camera.height, self.camera.width)
        if self.color.shape != (*size, 3) or self.depth.shape != size:
            raise InputError(
                f"colour {self.color.shape[1::-1]}, depth {self.depth.shape[::-1]} and "
                f"intrinsics {size[::-1]} differ in size (width, height)"
            )

    def points(self) -> Float32:
        """(H * W, 3) points in the optical frame of the camera, see `deproject`."""
        return deproject(self.depth, self.camera, depth_unit=self.depth_unit)


def deproject(
    depth: npt.NDArray[np.uint16] | Float32, camera: Camera, *, depth_unit: float
) -> Float32:
    """Points of a depth image, in the optical frame of its camera.

    Args:
        depth: (H, W) uint16 or float32, distance along the optical axis; 0, NaN and infinity
            mean that nothing was measured.
        camera: intrinsics of this image; fx and fy may be negative.
        depth_unit: metres of one unit of depth: 0.001 for 16UC1, 1 for 32FC1.

    Returns:
        (H * W, 3) float32, metres, row by row; NaN where nothing was measured.

    Raises:
        InputError: depth is not such an image, has another size than the camera, or the unit or
            a focal length is of no use.
    """
    if depth.dtype not in (np.uint16, np.float32):
        raise InputError(f"depth has type {depth.dtype}, expected uint16 or float32")
    if depth.shape != (camera.height, camera.width):
        raise InputError(
            f"depth has shape {depth.shape}, its camera {(camera.height, camera.width)}: "
            "use the camera_info of the depth image"
        )
    if not 0 < depth_unit < np.inf:
        raise InputError(f"depth_unit is {depth_unit}; it must be a positive number of metres")
    focal = np.array([camera.fx, camera.fy])
    if not np.isfinite(focal).all() or not focal.all():
        raise InputError(f"focal lengths are {camera.fx}, {camera.fy}; the camera is uncalibrated")
    points = np.empty((depth.size, 3), np.float32)
    if camera.distortion is not None:
        _deproject_rays(depth, view_rays(camera), np.float32(depth_unit), points)
        return points
    with np.errstate(over="ignore"):  # absurd intrinsics give infinite points, which are dropped
        columns = ((np.arange(camera.width) - camera.cx) / camera.fx).astype(np.float32)
        rows = ((np.arange(camera.height) - camera.cy) / camera.fy).astype(np.float32)
    _deproject(depth, columns, rows, np.float32(depth_unit), points)
    return points


@kernel
def _deproject(depth, columns, rows, unit, points):  # type: ignore[no-untyped-def]
    height, width = depth.shape
    for v in range(height):
        for u in range(width):
            z = np.float32(depth[v, u]) * unit
            if not 0 < z < np.inf:
                z = np.float32(np.nan)
            pixel = v * width + u
            points[pixel, 0] = columns[u] * z
            points[pixel, 1] = rows[v] * z
            points[pixel, 2] = z


@kernel
def _deproject_rays(depth, rays, unit, points):  # type: ignore[no-untyped-def]
    height, width = depth.shape
    for v in range(height):
        for u in range(width):
            x, y = rays[v, u, 0], rays[v, u, 1]
            z = np.float32(depth[v, u]) * unit
            if not (0 < z < np.inf and x == x):
                z = np.float32(np.nan)
            pixel = v * width + u
            points[pixel, 0] = x * z
            points[pixel, 1] = y * z
            points[pixel, 2] = z
