"""Views of a scan: whole rooms, sweeps from one place, things and table tops from near by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seg3d_ros.scene import Bool, Float64
from seg3d_ros.synthesis.mesh import Array
from seg3d_ros.synthesis.walk import camera_pose, free_places, gaze, random_walk

_KINDS = ("walk", "short walk", "sweep", "orbit", "single", "table top")
_SHARES = (0.35, 0.15, 0.16, 0.16, 0.09, 0.09)
_LOOKING_DOWN = 0.6  # share of the walks that hardly see the ceiling
_RING = 64  # places tried around a thing
_MARGIN_M = 0.2  # to walls


@dataclass(frozen=True, eq=False)
class Surroundings:
    """Obstacles and targets of a camera.

    Attributes:
        size: (3,) extents of the room, metres.
        boxes: (K, 2, 3) lowest and highest corners of what is in it.
        blocked: tells of (N, 3) float32 origins and vectors which of them end behind something.
    """

    size: Float64
    boxes: Float64
    blocked: Callable[[Array, Array], Bool]


def random_views(around: Surroundings, rng: np.random.Generator) -> list[Float64]:
    """(4, 4) map_from_camera poses of a random kind of scan, optical frame."""
    kind = str(rng.choice(_KINDS, p=_SHARES))
    targets = _targets(around.boxes)
    if kind in ("walk", "short walk") or (kind != "sweep" and not len(targets)):
        views = (12, 30) if kind == "walk" else (3, 10)
        highest = rng.uniform(-0.3, 0.0) if rng.random() < _LOOKING_DOWN else 0.4
        return random_walk(around.size, around.boxes, rng, views=views, highest_pitch=highest)
    if kind == "sweep":
        return _sweep(around, rng)
    box = targets[rng.integers(len(targets))]
    if kind == "orbit":
        near, count, sector = (1.0, 2.2), int(rng.integers(5, 18)), rng.uniform(0.4, 2.5)
    elif kind == "single":
        near, count, sector = (1.0, 3.0), 1, 0.0
    else:
        near, count, sector = (0.6, 1.5), int(rng.integers(1, 5)), rng.uniform(0.1, 1.2)
    return _orbit(around, box, rng, near=near, count=count, sector=sector)


def _targets(boxes: Float64) -> Float64:
    """Boxes of furniture worth a scan of its own: tables, desks, chairs, beds."""
    extent = boxes[:, 1] - boxes[:, 0]
    large = extent[:, :2].prod(axis=1) > 0.15
    return np.asarray(boxes[large & (boxes[:, 1, 2] > 0.25) & (boxes[:, 1, 2] < 1.5)])


def _sweep(around: Surroundings, rng: np.random.Generator) -> list[Float64]:
    """Views from one place, turning about the direction of the middle of the room."""
    count, sector = int(rng.integers(2, 13)), rng.uniform(0.5, 3.0)
    height = min(rng.uniform(0.4, 1.8), around.size[2] - 0.3)
    eye = free_places(around.size, around.boxes, height, count=1, rng=rng)[0]
    middle, _ = gaze(around.size / 2 - eye)
    pitch = rng.uniform(-0.5, 0.1)
    poses = []
    for yaw in middle + sector * np.linspace(-0.5, 0.5, count) + rng.normal(0, 0.05, count):
        shaken = eye + rng.normal(0, 0.04, 3)
        tilt = pitch + rng.normal(0, 0.06)
        poses.append(camera_pose(shaken, float(yaw), tilt, rng.normal(0, 0.04)))
    return poses


def _orbit(
    around: Surroundings,
    box: Float64,
    rng: np.random.Generator,
    *,
    near: tuple[float, float],
    count: int,
    sector: float,
) -> list[Float64]:
    """Views of a thing from an arc around it, or from as much of it as is free.

    Args:
        around: the room.
        box: (2, 3) corners of the thing.
        rng: of the views.
        near: least and greatest distance from the thing's top, metres.
        count: of views.
        sector: of the arc, radians.
    """
    target = np.array([*box.mean(axis=0)[:2], box[1, 2]])
    reach = np.linalg.norm(box[1, :2] - box[0, :2]) / 4
    angles = rng.uniform(0, 2 * np.pi, _RING)
    pitch, distance = rng.uniform(0.2, 0.9, _RING), reach + rng.uniform(*near, _RING)
    flat = np.cos(pitch) * distance
    offsets = np.stack([flat * np.cos(angles), flat * np.sin(angles), np.sin(pitch) * distance], 1)
    eyes = target + offsets
    inside = (eyes > _MARGIN_M) & (eyes < around.size - _MARGIN_M)
    free = np.flatnonzero(inside.all(axis=1))
    starts, towards = eyes[free].astype(np.float32), -0.9 * offsets[free].astype(np.float32)
    free = free[~around.blocked(starts, towards)]
    if not len(free):
        return random_walk(around.size, around.boxes, rng, views=(3, 10))
    beside = np.abs((angles[free] - angles[free[0]] + np.pi) % (2 * np.pi) - np.pi)
    arc = free[beside <= sector / 2] if count > 1 else free[:1]
    arc = arc[np.argsort((angles[arc] - angles[free[0]] + np.pi) % (2 * np.pi))]
    chosen = arc[np.linspace(0, len(arc) - 1, count).astype(int)]
    poses = []
    for eye in eyes[chosen] + rng.normal(0, 0.03, (count, 3)):
        yaw, tilt = rng.normal(gaze(target - eye), (0.12, 0.08))
        poses.append(camera_pose(eye, float(yaw), float(tilt), rng.normal(0, 0.08)))
    return poses
