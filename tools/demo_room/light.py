"""Baked light: computed once for small cells of surface, so that all frames agree."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from demo_room.room import SIZE, WINDOW
from seg3d_ros.synthesis.mesh import Array
from seg3d_ros.synthesis.ray_scene import Hits, RayScene

_CELL_M = 0.03
_NORMAL_WEIGHT_M = 0.15  # surfaces that face apart share light as if this far away
_AMBIENT_RAYS = 64
_LIGHT_SAMPLES = 32
_NEIGHBORS = 16
_SMOOTHING_PASSES = 2
_AMBIENT_REACH_M = 1.2  # what is nearer than this darkens a corner
_AMBIENT = np.array([0.40, 0.41, 0.43])
_SKY = np.array([0.95, 1.05, 1.25]) * 2.2
_LAMP = np.array([1.25, 1.05, 0.80]) * 1.6
_LAMP_HALF_M = 0.35
EXPOSURE = 1.25


class BakedLight:
    """Irradiance of the surfaces that were hit by some rays, for look-up by others.

    Args:
        scene: what casts shadows.
        seen: surfaces to light.
        rng: places the samples.
    """

    def __init__(self, scene: RayScene, seen: Hits, rng: np.random.Generator) -> None:
        cells = np.concatenate(
            [np.round(seen.points / _CELL_M), np.round(seen.normals * 1.5)], axis=1
        )
        _, first = np.unique(cells.astype(np.int32), axis=0, return_index=True)
        points, normals = seen.points[first], seen.normals[first]
        lifted = points + normals * np.float32(2e-3)
        ambient = _openness(scene, lifted, normals, rng)
        left, right, bottom, top = WINDOW
        window = np.array([[left, -0.05, bottom], [right, -0.05, top]])
        middle = SIZE * (0.5, 0.5, 1) - (0, 0, 0.03)
        lamp = np.array([middle - _LAMP_HALF_M, middle + _LAMP_HALF_M])
        lamp[:, 2] = middle[2]
        irradiance = (
            ambient[:, None] * _AMBIENT
            + _direct(scene, lifted, normals, window, np.array([0, 1, 0]), rng)[:, None] * _SKY
            + _direct(scene, lifted, normals, lamp, np.array([0, 0, -1]), rng)[:, None] * _LAMP
        ).astype(np.float32)
        self._tree = cKDTree(_places(points, normals))
        for _ in range(_SMOOTHING_PASSES):  # takes the noise of the sampling out
            _, nearest = self._tree.query(_places(points, normals), k=_NEIGHBORS, workers=2)
            irradiance = irradiance[nearest].mean(axis=1)
        self._irradiance = irradiance

    def at(self, points: Array, normals: Array) -> Array:
        """(N, 3) irradiance, smoothed over the nearest cells that face the same way."""
        distance, index = self._tree.query(_places(points, normals), k=6, workers=2)
        weight = 1 / (distance + 0.01) ** 2
        weight /= weight.sum(axis=1, keepdims=True)
        return np.einsum("nk,nkc->nc", weight, self._irradiance[index]).astype(np.float32)


def _places(points: Array, normals: Array) -> Array:
    return np.concatenate([points, normals * np.float32(_NORMAL_WEIGHT_M)], axis=1)


def _openness(scene: RayScene, points: Array, normals: Array, rng: np.random.Generator) -> Array:
    """(N,) share of cosine-weighted directions in which nothing is near."""
    free = np.zeros(len(points), np.float32)
    for number in range(_AMBIENT_RAYS):
        # Stratified in height, random around: a unit vector plus the normal is cosine-weighted.
        height = 2 * (number + rng.random(len(points))) / _AMBIENT_RAYS - 1
        angle = rng.random(len(points)) * 2 * np.pi
        flat = np.sqrt(1 - height**2)
        sphere = np.stack([flat * np.cos(angle), flat * np.sin(angle), height], axis=1)
        directions = normals + sphere
        directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-3)
        free += ~scene.blocked(points, directions, far=_AMBIENT_REACH_M)
    return free / _AMBIENT_RAYS


def _direct(
    scene: RayScene,
    points: Array,
    normals: Array,
    area: Array,
    facing: Array,
    rng: np.random.Generator,
) -> Array:
    """(N,) form factor of a rectangle of light, shadows included."""
    total = np.zeros(len(points), np.float32)
    for _ in range(_LIGHT_SAMPLES):
        source = area[0] + rng.random((len(points), 3)) * (area[1] - area[0])
        towards = source - points
        distance = np.linalg.norm(towards, axis=1)
        received = np.clip((normals * towards).sum(axis=1) / distance, 0, None)
        emitted = np.clip(-(towards @ facing) / distance, 0, None)
        lit = ~scene.blocked(points, towards, far=0.98)
        total += lit * received * emitted / distance**2
    surface = np.prod(np.ptp(area, axis=0)[facing == 0])
    return (total / _LIGHT_SAMPLES * surface).astype(np.float32)
