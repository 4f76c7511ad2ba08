"""Faults of robots' maps as augmentation: thin, noisy, doubled, seen from one side.

Lengths are metres. Each is called with a sample and a random generator and gives a new sample;
see `augmentation.py`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from seg3d_ros.datasets.scene_dataset import SceneSample, one_point_per_voxel
from seg3d_ros.kernels import kernel
from seg3d_ros.scene import Bool, Float32, Int64
from seg3d_ros.training.elastic import smooth_noise, trilinear

_CELLS = (128, 256)  # of a depth panorama: elevation, azimuth
_SLACK_M, _SLACK_SHARE = 0.05, 0.02  # depth that a cell of it may span


@dataclass(frozen=True)
class Thinning:
    """Loses points: evenly, in patches, or down to one a voxel of a coarser grid.

    Attributes:
        share: of the points that may be lost.
        coarsest: largest voxel, metres.
        least: points that have to be left; otherwise all are.
    """

    share: float = 0.85
    coarsest: float = 0.05
    least: int = 500

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Keep the others, in their order."""
        kept = self._kept(sample.points, rng)
        return sample.take(kept) if len(kept) >= self.least else sample

    def _kept(self, points: Float32, rng: Generator) -> Int64:
        kind = rng.integers(3)
        if kind == 0:
            return one_point_per_voxel(points, rng.uniform(0.02, self.coarsest))
        lost = np.full(len(points), rng.uniform(0, self.share), np.float32)
        if kind == 1:
            waves = _field(points, rng.uniform(0.3, 1.2), rng)[:, 0]
            lost *= 2 / (1 + np.exp(-8 * waves))
        return np.flatnonzero(rng.random(len(points), np.float32) >= lost)


@dataclass(frozen=True)
class SurfaceNoise:
    """Bumps and grain of depth sensors.

    Attributes:
        bumps: standard deviation of smooth noise, metres at most.
        grain: standard deviation of independent noise, metres at most.
    """

    bumps: float = 0.012
    grain: float = 0.006

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Move every point."""
        smooth = _field(sample.points, rng.uniform(0.08, 0.3), rng)
        smooth *= np.float32(rng.uniform(0, self.bumps) / _FIELD_DEVIATION)
        grain = rng.standard_normal(sample.points.shape, np.float32)
        grain *= np.float32(rng.uniform(0, self.grain))
        return dataclasses.replace(sample, points=sample.points + smooth + grain)


@dataclass(frozen=True)
class PoseError:
    """Moves one side of the scene a little, and may leave a second sheet of it behind.

    Attributes:
        shift: metres at most.
        angle: radians at most, about the vertical.
    """

    shift: float = 0.05
    angle: float = 0.02

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Move the points beyond a random vertical plane, or copies of some of them."""
        if not len(sample):
            return sample
        middle = sample.points[rng.integers(len(sample))]
        offsets = sample.points - middle
        direction = rng.uniform(0, 2 * np.pi)
        beyond = offsets[:, :2] @ np.array([np.cos(direction), np.sin(direction)], np.float32) > 0
        angle = rng.uniform(-self.angle, self.angle)
        turn = np.array([[1, -angle, 0], [angle, 1, 0], [0, 0, 1]], np.float32)
        shift = rng.uniform(-self.shift, self.shift, 3) * [1, 1, 0.5]
        moved = offsets @ turn.T + middle + shift.astype(np.float32)
        if rng.random() < 0.5:
            points = np.where(beyond[:, None], moved, sample.points)
            return dataclasses.replace(sample, points=points)
        patches = _field(sample.points, 0.6, rng)[:, 0] > 0
        copied = sample.take(beyond & patches)
        return joined(sample, dataclasses.replace(copied, points=moved[beyond & patches]))


@dataclass(frozen=True)
class Viewpoints:
    """Keeps what a camera sees from one to three places of the scene.

    Attributes:
        least: points that have to be left; otherwise all are.
    """

    least: int = 4000

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Drop what is hidden from all of them or beside their fields of view."""
        if len(sample) < self.least:
            return sample
        low, high = sample.points.min(axis=0), sample.points.max(axis=0)
        seen = np.zeros(len(sample), np.bool_)
        for _ in range(rng.integers(1, 4)):
            place = rng.uniform(low, high)
            place[2] = low[2] + rng.uniform(0.7, 1.8)
            seen |= visible(sample.points, place.astype(np.float32), rng)
        return sample.take(seen) if seen.sum() >= self.least else sample


def visible(points: Float32, place: Float32, rng: Generator) -> Bool:
    """Points seen from a place in a random direction, (N,) bool.

    Args:
        points: (N, 3).
        place: (3,).
        rng: draws direction and field of view.
    """
    offsets = points - place
    distance = np.linalg.norm(offsets, axis=1) + np.float32(1e-6)
    azimuth = np.arctan2(offsets[:, 1], offsets[:, 0])
    elevation = np.arcsin(offsets[:, 2] / distance)
    turned = (azimuth - rng.uniform(-np.pi, np.pi)) % (2 * np.pi) - np.pi
    inside = np.abs(turned) < rng.uniform(0.6, np.pi)
    row = ((elevation / np.pi + 0.5) * (_CELLS[0] - 1)).astype(np.int64)
    column = ((azimuth / (2 * np.pi) + 0.5) * (_CELLS[1] - 1)).astype(np.int64)
    nearest = _nearest(row * _CELLS[1] + column, distance, _CELLS[0] * _CELLS[1])
    limit = nearest * np.float32(1 + _SLACK_SHARE) + np.float32(_SLACK_M)
    return np.asarray(inside & (distance <= limit), np.bool_)


def joined(first: SceneSample, second: SceneSample) -> SceneSample:
    """Points of both samples; the first gives the name."""
    return SceneSample(
        name=first.name,
        points=np.concatenate([first.points, second.points]),
        colors=np.concatenate([first.colors, second.colors]),
        normals=np.concatenate([first.normals, second.normals]),
        segment=np.concatenate([first.segment, second.segment]),
        instance=np.concatenate([first.instance, second.instance]),
    )


_FIELD_DEVIATION = 0.12  # of `_field`: what two blurs leave of noise of deviation 1


def _field(points: Float32, spacing: float, rng: Generator) -> Float32:
    """Smooth noise at points, (N, 3)."""
    if not len(points):
        return np.zeros((0, 3), np.float32)
    low = points.min(axis=0)
    cells = np.floor((points.max(axis=0) - low) / spacing).astype(np.int64) + 2
    noise: Float32 = trilinear(
        smooth_noise(tuple(cells), rng), (points - low) / np.float32(spacing)
    )
    return noise


@kernel
def _nearest(cells, distance, count):  # type: ignore[no-untyped-def]
    """For each point the least distance in its cell, (N,)."""
    least = np.full(count, np.inf, np.float32)
    for i in range(len(cells)):
        least[cells[i]] = min(least[cells[i]], distance[i])
    return least[cells]
