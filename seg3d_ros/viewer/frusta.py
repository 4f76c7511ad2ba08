"""Frusta of the cameras that the map's pictures were taken with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seg3d_ros.mapping.keyframes.keyframe import Keyframe
from seg3d_ros.scene import Camera, Float32, Float64

_DEPTH_M = 0.15
_LINE_PX = 1.5
_COLOR = (90, 160, 255)


class Frusta:
    """Frusta of all keyframes on all pages; while they are hidden nothing is sent.

    Not thread-safe.
    """

    def __init__(self, viser: Any) -> None:
        """Show nothing yet."""
        self._scene = viser.scene
        self._lines: Any = None
        self._keyframes: Sequence[Keyframe] = ()
        self._origin = np.zeros(3)
        self._shown = False

    def show(self, shown: bool) -> None:
        """Show or hide them."""
        self._shown = shown
        self._draw()

    def update(self, keyframes: Sequence[Keyframe], origin: Float64) -> None:
        """Take over the keyframes of another state.

        Args:
            keyframes: with poses in the map frame.
            origin: (3,) of the page's coordinates, map frame, metres.
        """
        if keyframes is self._keyframes and np.array_equal(origin, self._origin):
            return
        self._keyframes, self._origin = keyframes, origin
        self._draw()

    def _draw(self) -> None:
        if self._lines is not None:
            self._lines.remove()
            self._lines = None
        if self._shown and self._keyframes:
            self._lines = self._scene.add_line_segments(
                "/cameras", frustum_edges(self._keyframes, self._origin), np.array(_COLOR),
                thickness=_LINE_PX, thickness_units="screen",
            )  # fmt: skip


def frustum_edges(keyframes: Sequence[Keyframe], origin: Float64) -> Float32:
    """(8 K, 2, 3) edges of K frusta: from each centre to the corners, and around the corners."""
    if not keyframes:
        return np.empty((0, 2, 3), np.float32)
    poses = np.array([item.map_from_camera for item in keyframes])
    corners = np.array([_corners(item.camera) for item in keyframes])
    around = corners @ poses[:, :3, :3].swapaxes(1, 2) + poses[:, None, :3, 3] - origin
    centers = np.broadcast_to(poses[:, None, :3, 3] - origin, around.shape)
    rays = np.stack([centers, around], axis=2)
    rims = np.stack([around, np.roll(around, -1, axis=1)], axis=2)
    return np.concatenate([rays, rims], axis=1).reshape(-1, 2, 3).astype(np.float32)


def _corners(camera: Camera) -> Float64:
    """(4, 3) corners of the picture at a fixed depth, optical frame, metres."""
    columns = (np.array([0, camera.width, camera.width, 0]) - camera.cx) / camera.fx
    rows = (np.array([0, 0, camera.height, camera.height]) - camera.cy) / camera.fy
    return np.stack([columns, rows, np.ones(4)], axis=1) * _DEPTH_M
