"""Projection of points into keyframes, with a check against the measured depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seg3d_ros.kernels import kernel
from seg3d_ros.mapping.keyframes.keyframe import COARSE, DEPTH_UNIT, Keyframe
from seg3d_ros.scene import Bool, Camera, Float32, Float64, View
from seg3d_ros.sensing.transforms import invert

UInt32 = npt.NDArray[np.uint32]

_NEAREST_Z = 0.05  # metres
# A point is seen where the depth measured around it differs by less than this: 5 cm for the size
# of voxels and errors of the pose, and a part that grows like the noise of the depth.
_TOLERANCE_M, _PER_RANGE, _PER_RANGE2 = 0.05, 0.01, 0.003


@dataclass(frozen=True, eq=False)
class Projection:
    """Points of an object as a keyframe shows them.

    Attributes:
        u: (N,) float32 column of each point, pixels; NaN behind the camera.
        v: (N,) float32 row.
        visible: (N,) bool, inside the image and at the depth that was measured there.
    """

    u: Float32
    v: Float32
    visible: Bool


class _Pinhole(NamedTuple):
    """Camera and pose for compiled code: (3, 4) camera_from_map row by row, then intrinsics."""

    pose: tuple[float, ...]
    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int


def project(points: Float64, keyframe: Keyframe) -> Projection:
    """Project (N, 3) points of the map frame, metres, into a keyframe."""
    u, v = np.empty((2, len(points)), np.float32)
    visible = np.empty(len(points), np.bool_)
    pinhole = _pinhole(keyframe.camera, keyframe.map_from_camera)
    _project(points, pinhole, keyframe.coarse_depth, u, v, visible)
    return Projection(u, v, visible)


def visible_mask(points: Float64, view: View, *, point_size: float) -> Bool:
    """Pixels (H, W) bool of a view that show an object.

    Args:
        points: (N, 3) float64 of the object, map frame, metres.
        view: to look in.
        point_size: metres that each point stands for, the edge of a voxel.
    """
    ids = np.zeros(view.depth.shape, np.uint32)
    paint_visible(ids, 1, points, view, point_size=point_size)
    return ids > 0


def paint_visible(
    ids: UInt32, value: int, points: Float64, view: View, *, point_size: float
) -> None:
    """Write a number into the pixels of a view that show an object; see `visible_mask`.

    Args:
        ids: (H, W) uint32, written.
        value: number of the object.
        points: (N, 3) float64 of the object, map frame, metres.
        view: to look in.
        point_size: metres that each point stands for.
    """
    pinhole = _pinhole(view.camera, view.map_from_camera)
    _paint(points, pinhole, view.depth, point_size, ids, np.uint32(value))


def _pinhole(camera: Camera, map_from_camera: Float64) -> _Pinhole:
    pose = tuple(invert(map_from_camera)[:3].ravel().tolist())
    intrinsics = (float(camera.fx), float(camera.fy), float(camera.cx), float(camera.cy))
    return _Pinhole(pose, *intrinsics, camera.width, camera.height)


@kernel(inline="always")
def _pixel(points, i, pinhole):  # type: ignore[no-untyped-def]
    """Column, row and depth of a point; NaN behind the camera."""
    m = pinhole.pose
    px, py, pz = points[i, 0], points[i, 1], points[i, 2]
    x = m[0] * px + m[1] * py + m[2] * pz + m[3]
    y = m[4] * px + m[5] * py + m[6] * pz + m[7]
    z = m[8] * px + m[9] * py + m[10] * pz + m[11]
    if not z > _NEAREST_Z:
        return np.nan, np.nan, z
    return pinhole.fx * x / z + pinhole.cx, pinhole.fy * y / z + pinhole.cy, z


@kernel(inline="always")
def _agree(measured, z):  # type: ignore[no-untyped-def]
    """Whether a measured depth is that of a point, metres; 0 and NaN, unmeasured, are not."""
    tolerance = _TOLERANCE_M + _PER_RANGE * z + _PER_RANGE2 * z * z
    return measured > 0 and abs(measured - z) <= tolerance


@kernel
def _project(points, pinhole, coarse, us, vs, visible):  # type: ignore[no-untyped-def]
    for i in range(len(points)):
        u, v, z = _pixel(points, i, pinhole)
        us[i], vs[i] = u, v
        inside = -0.5 <= u < pinhole.width - 0.5 and -0.5 <= v < pinhole.height - 0.5
        visible[i] = inside
        if inside:
            row = min(int(v / COARSE + 0.5), coarse.shape[0] - 1)
            column = min(int(u / COARSE + 0.5), coarse.shape[1] - 1)
            visible[i] = _agree(coarse[row, column] * DEPTH_UNIT, z)


@kernel
def _paint(points, pinhole, depth, point_size, ids, value):  # type: ignore[no-untyped-def]
    height, width = ids.shape
    for i in range(len(points)):
        u, v, z = _pixel(points, i, pinhole)
        if not (-0.5 <= u < width and -0.5 <= v < height):  # NaN is behind the camera
            continue
        across = max(1.0, abs(pinhole.fx) * point_size / z) / 2
        down = max(1.0, abs(pinhole.fy) * point_size / z) / 2
        left, right = max(0, int(np.ceil(u - across))), min(width, int(u + across) + 1)
        top, bottom = max(0, int(np.ceil(v - down))), min(height, int(v + down) + 1)
        for row in range(top, bottom):
            for column in range(left, right):
                if _agree(np.float64(depth[row, column]), z):
                    ids[row, column] = value
