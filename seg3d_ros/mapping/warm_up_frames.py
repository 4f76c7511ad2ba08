"""Synthetic frames for warming up: a box before a wall, on which every kernel has work."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from seg3d_ros.mapping.depth_image import deproject
from seg3d_ros.scene import Camera, Float32, Frame, UInt8

_CAMERA = Camera(160, 120, 80.0, 80.0, 79.5, 59.5)
_GRID = (_CAMERA.height, _CAMERA.width)
_STEP_M = 0.3  # the camera moves on between frames, so that there is free space to carve


def warm_up_frames() -> Iterator[Frame]:
    """Views of the same scene, in each memory layout and type that sensors give.

    Compiled code differs by layout and type: depth images in millimetres and in metres, and
    clouds (strided views, blue first), organised and not.
    """
    for number, (points, colors, camera) in enumerate(_measurements()):
        map_from_sensor = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 1], [0, 0, 0, 1.0]])
        map_from_sensor[0, 3] = -_STEP_M * number
        grid = None if number == 3 else _GRID
        yield Frame(points, colors, number + 1, map_from_sensor, grid=grid, camera=camera)


def _measurements() -> Iterator[tuple[Float32, UInt8, Camera | None]]:
    depth = _depth()
    millimetres = np.rint(depth * 1000).astype(np.uint16)
    points = deproject(depth, _CAMERA, depth_unit=1.0)
    colors = np.full((len(points), 4), 128, np.uint8)
    contiguous = np.ascontiguousarray(colors[:, :3])
    yield deproject(millimetres, _CAMERA, depth_unit=0.001), contiguous, _CAMERA
    yield points, contiguous, _CAMERA
    rows = np.zeros((len(points), 4), np.float32)
    rows[:, :3] = points
    for _ in ("organised", "a list"):
        yield rows[:, :3], colors[:, 2::-1], None


def _depth() -> npt.NDArray[np.float32]:
    """(H, W) metres: floor 1 m below the camera, wall 2.5 m and box 1.5 m before it."""
    v, u = np.mgrid[: _CAMERA.height, : _CAMERA.width]
    across = np.abs(u - _CAMERA.cx) / _CAMERA.fx
    down = (v - _CAMERA.cy) / _CAMERA.fy
    below = np.maximum(down, 1e-6)
    depth = np.minimum(2.5, 1.0 / below)
    top = 0.5 / below  # of the box: 0.8 m wide, 0.5 m high, 0.5 m deep
    depth = np.where((top > 1.5) & (top < 2.0) & (across * top < 0.4), top, depth)
    front = (across * 1.5 < 0.4) & (down * 1.5 > 0.5) & (down * 1.5 < 1.0)
    return np.where(front, 1.5, depth).astype(np.float32)
