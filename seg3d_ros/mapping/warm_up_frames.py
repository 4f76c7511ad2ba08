"""Synthetic frames for warming up: a box before a wall, on which every kernel has work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from seg3d_ros.scene import Camera, Distortion, Float64, Frame
from seg3d_ros.sensing.depth_image import DepthImage
from seg3d_ros.sensing.registration import register_color
from seg3d_ros.sensing.warm_up_images import decode_warm_up_images

_CAMERA = Camera(80, 60, 40.0, 40.0, 39.5, 29.5)
_DISTORTED = replace(_CAMERA, distortion=Distortion((0.1, -0.05, 0.0, 0.0, 0.0)))
_GRID = (_CAMERA.height, _CAMERA.width)
_STEP_M = 0.1  # the camera moves to and fro between frames, so that there is free space to carve


def warm_up_frames() -> Iterator[Frame]:
    """Views of the same scene, in each memory layout and type that sensors give.

    Compiled code differs by layout and type: depth images in millimetres and in metres, of
    cameras with and without distortion, registered or not; clouds (strided views, blue first),
    organised and not. Images are decoded first, of each format that has a kernel.
    """
    decode_warm_up_images()
    images = [image for camera in (_CAMERA, _DISTORTED) for image in _images(camera)]
    for number, image in enumerate(images):
        yield Frame(
            image.points(),
            image.color.reshape(-1, 3),
            number + 1,
            _pose(number),
            grid=_GRID,
            camera=image.camera,
        )
    rows = np.zeros((_GRID[0] * _GRID[1], 4), np.float32)
    rows[:, :3] = images[0].points()
    colors = np.full((len(rows), 4), 128, np.uint8)
    for number, grid in enumerate((_GRID, None), len(images)):
        yield Frame(rows[:, :3], colors[:, 2::-1], number + 1, _pose(number), grid=grid)


def _images(camera: Camera) -> Iterator[DepthImage]:
    """Images as they come, the second half as of a camera that registers them itself."""
    depth = _depth()
    color = np.full((*_GRID, 3), 128, np.uint8)
    color[:, _GRID[1] // 2 :] = 64  # segments of one colour need two
    for values, unit in ((depth, 1.0), (np.rint(depth * 1000).astype(np.uint16), 0.001)):
        image = DepthImage(color, values, unit, camera)
        yield image
        yield register_color(image, color, camera, np.eye(4))


def _pose(number: int) -> Float64:
    """(4, 4) map_from_camera: 1 m above the floor, every other time further from the wall."""
    pose = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 1], [0, 0, 0, 1.0]])
    pose[0, 3] = -_STEP_M * (number % 2)
    return pose


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
