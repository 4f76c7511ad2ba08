"""A toy room that is ray-cast exactly: a floor, a wall and three boxes of known place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seg3d_ros.scene import Camera
from seg3d_ros.sensing.depth_image import deproject

CAMERA = Camera(320, 240, 260.0, 260.0, 159.5, 119.5)


@dataclass(frozen=True)
class ToyBox:
    """An axis-aligned box in the map frame, metres."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    color: tuple[int, int, int]

    @property
    def center(self) -> np.ndarray:
        return (np.array(self.low) + self.high) / 2


FLOOR = ToyBox((-3, -3, -0.1), (3, 3, 0), (150, 140, 130))
WALL = ToyBox((2.0, -3, 0), (2.1, 3, 2.5), (220, 220, 210))
BOXES = (
    ToyBox((0.8, -0.6, 0), (1.2, -0.2, 0.5), (200, 40, 40)),
    ToyBox((1.0, 0.2, 0), (1.3, 0.8, 0.3), (40, 160, 60)),
    ToyBox((0.4, 0.9, 0), (0.7, 1.2, 0.7), (50, 70, 200)),
)


def looking_at(eye: tuple[float, float, float], target: tuple[float, float, float]) -> np.ndarray:
    """(4, 4) map_from_camera of an optical frame at `eye` that looks at `target`."""
    forward = np.subtract(target, eye)
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, (0, 0, 1))
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    pose[:3, 3] = eye
    return pose


def cast(
    map_from_camera: np.ndarray,
    boxes: tuple[ToyBox, ...] = BOXES,
    camera: Camera = CAMERA,
) -> tuple[np.ndarray, np.ndarray]:
    """Depth (H, W) float32 metres, NaN where nothing is hit, and colour (H, W, 3) uint8."""
    u, v = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    rays = np.stack(
        [(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones_like(u, float)], axis=-1
    )
    rays = rays @ map_from_camera[:3, :3].T  # length 1 along the optical axis: t is z-depth
    depth = np.full(u.shape, np.inf)
    color = np.zeros((*u.shape, 3), np.uint8)
    for box in (FLOOR, WALL, *boxes):
        with np.errstate(divide="ignore", invalid="ignore"):
            a = (np.array(box.low) - map_from_camera[:3, 3]) / rays
            b = (np.array(box.high) - map_from_camera[:3, 3]) / rays
        enter = np.nanmax(np.minimum(a, b), axis=-1)
        leave = np.nanmin(np.maximum(a, b), axis=-1)
        hit = (enter < leave) & (enter > 0.1) & (enter < depth)
        depth[hit] = enter[hit]
        color[hit] = box.color
    return np.where(np.isinf(depth), np.nan, depth).astype(np.float32), color


def views(count: int) -> list[np.ndarray]:
    """Camera poses along an arc in front of the boxes."""
    return [
        looking_at((-0.9, y, 1.3), (1.0, 0.2 + 0.2 * y, 0.2))
        for y in np.linspace(-0.9, 1.1, count)
    ]


def cloud(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Every second point that so many views see, (N, 3) float32, and its colour, (N, 3) uint8."""
    parts = []
    for pose in views(count):
        depth, color = cast(pose)
        points = deproject(depth, CAMERA, depth_unit=1.0) @ pose[:3, :3].T + pose[:3, 3]
        seen = np.isfinite(points).all(axis=1)
        parts.append((points[seen], color.reshape(-1, 3)[seen]))
    points, colors = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return points[::2].astype(np.float32), colors[::2]
