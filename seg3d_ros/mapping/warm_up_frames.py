"""Synthetic frames for warming up: a box before a wall, on which every kernel has work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from seg3d_ros.scene import Camera, Distortion, Float64, Frame, Scene, UInt8
from seg3d_ros.sensing.depth_image import DepthImage
from seg3d_ros.sensing.registration import register_color
from seg3d_ros.sensing.warm_up_images import decode_warm_up_images

_CAMERA = Camera(80, 60, 40.0, 40.0, 39.5, 29.5)
_DISTORTED = replace(_CAMERA, distortion=Distortion((0.1, -0.05, 0.0, 0.0, 0.0)))
_GRID = (_CAMERA.height, _CAMERA.width)
_STEP_M = 0.1  # the camera moves to and fro between frames, so that there is free space to carve
_VOXEL_M = 0.02


def plain_frames() -> Iterator[Frame]:
    """Views of a scene by a camera without distortion: depth in metres, then in millimetres."""
    for number, image in enumerate(_images(_CAMERA)):
        yield _frame(image, number)


def other_frames() -> Iterator[Frame]:
    """Views of the same scene for which other kernels are compiled.

    Of a camera with distortion and of one that registers colours to depth; clouds (strided views,
    blue first), organised and not. Before them, images are decoded of each format that has a
    kernel.
    """
    decode_warm_up_images()
    for number, image in enumerate(_images(_DISTORTED)):
        yield _frame(image, number)
        yield _frame(register_color(image, image.color, _DISTORTED, np.eye(4)), number)
    rows = np.zeros((_GRID[0] * _GRID[1], 4), np.float32)
    rows[:, :3] = next(_images(_CAMERA)).points()
    colors = np.zeros((len(rows), 4), np.uint8)
    for number, grid in enumerate((_GRID, None)):
        yield Frame(rows[:, :3], colors[:, 2::-1], number + 1, _pose(number), grid=grid)


def warm_up_scene() -> Scene:
    """Scene of the same room as a map would hold it, made without compiled code."""
    points = _points(_depth().ravel()) @ _pose(0)[:3, :3].T + _pose(0)[:3, 3]
    voxels, rows = np.unique(np.floor(points / _VOXEL_M), axis=0, return_index=True)
    centers = np.ascontiguousarray((voxels + 0.5) * _VOXEL_M, np.float32)
    colors = np.ascontiguousarray(_color().reshape(-1, 3)[rows] / 255, np.float32)
    return Scene(centers, colors, np.arange(len(rows)), _VOXEL_M)


def _images(camera: Camera) -> Iterator[DepthImage]:
    depth = _depth()
    for values, unit in ((depth, 1.0), (np.rint(depth * 1000).astype(np.uint16), 0.001)):
        yield DepthImage(_color(), values, unit, camera)


def _frame(image: DepthImage, number: int) -> Frame:
    colors = image.color.reshape(-1, 3)
    pose = _pose(number)
    return Frame(image.points(), colors, number + 1, pose, grid=_GRID, camera=image.camera)


def _pose(number: int) -> Float64:
    """(4, 4) map_from_camera: 1 m above the floor, every other time further from the wall."""
    pose = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 1], [0, 0, 0, 1.0]])
    pose[0, 3] = -_STEP_M * (number % 2)
    return pose


def _color() -> UInt8:
    """(H, W, 3) RGB; segments of one colour need two."""
    color = np.full((*_GRID, 3), 128, np.uint8)
    color[:, _GRID[1] // 2 :] = 64
    return color


def _rays() -> tuple[Float64, Float64]:
    """View rays of the pixels: x / z and y / z, (H, W) each."""
    v, u = np.mgrid[: _CAMERA.height, : _CAMERA.width]
    return (u - _CAMERA.cx) / _CAMERA.fx, (v - _CAMERA.cy) / _CAMERA.fy


def _points(depth: npt.NDArray[np.float32]) -> Float64:
    """(H * W, 3) in the optical frame."""
    x, y = _rays()
    return np.stack([x.ravel() * depth, y.ravel() * depth, depth], axis=1)


def _depth() -> npt.NDArray[np.float32]:
    """(H, W) metres: floor 1 m below the camera, wall 2.5 m and box 1.5 m before it."""
    across, down = _rays()
    across = np.abs(across)
    below = np.maximum(down, 1e-6)
    depth = np.minimum(2.5, 1.0 / below)
    top = 0.5 / below  # of the box: 0.8 m wide, 0.5 m high, 0.5 m deep
    depth = np.where((top > 1.5) & (top < 2.0) & (across * top < 0.4), top, depth)
    front = (across * 1.5 < 0.4) & (down * 1.5 > 0.5) & (down * 1.5 < 1.0)
    return np.where(front, 1.5, depth).astype(np.float32)
