"""Random motion and distortion of scenes; see `augmentation`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from seg3d_ros.datasets.scene_dataset import SceneSample
from seg3d_ros.scene import Float32
from seg3d_ros.training.elastic import smooth_noise, trilinear


@dataclass(frozen=True)
class Rotation:
    """Rotation about the center of the scene: x, then y, then z, each up to an angle, radians."""

    x: float = np.pi / 64
    y: float = np.pi / 64
    z: float = np.pi

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Turn points and normals."""
        rotation = np.eye(3)
        for axis, limit in enumerate((self.x, self.y, self.z)):
            rotation = _about(axis, rng.uniform(-limit, limit)) @ rotation
        turn: Float32 = rotation.T.astype(np.float32)
        low, high = bounds(sample)
        middle = (low + high) / np.float32(2)
        points: Float32 = (sample.points - middle) @ turn + middle
        return dataclasses.replace(sample, points=points, normals=sample.normals @ turn)


@dataclass(frozen=True)
class Scaling:
    """Uniform scaling."""

    low: float = 0.9
    high: float = 1.1

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Multiply the points."""
        return _moved(sample, sample.points * np.float32(rng.uniform(self.low, self.high)))


@dataclass(frozen=True)
class HorizontalFlip:
    """Mirroring in x, in y, in both or in neither, each as likely."""

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Count coordinates down from the largest, and turn normals over."""
        points, normals = sample.points.copy(), sample.normals.copy()
        _, high = bounds(sample)
        for axis in (0, 1):
            if rng.random() < 0.5:
                points[:, axis] = high[axis] - points[:, axis]
                normals[:, axis] *= -1
        return dataclasses.replace(sample, points=points, normals=normals)


@dataclass(frozen=True)
class Translation:
    """Shift along x and y by up to a share of the scene's extent."""

    share: float = 0.2

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Move the points."""
        low, high = bounds(sample)
        shift = rng.uniform(-self.share, self.share, 3) * (high - low) * [1, 1, 0]
        return _moved(sample, sample.points + shift.astype(np.float32))


@dataclass(frozen=True)
class ElasticDistortion:
    """Bends the scene by smooth noise; neighbours move alike.

    Attributes:
        spacing: of the grid that the noise is drawn on, metres.
        magnitude: of the movement, metres: standard deviation before smoothing.
    """

    spacing: float
    magnitude: float

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Move every point by the noise at its place."""
        low, high = bounds(sample)
        cells = np.floor((high - low) / self.spacing).astype(np.int64) + 2
        noise = smooth_noise(tuple(cells), rng) * np.float32(self.magnitude)
        places = (sample.points - low) / np.float32(self.spacing)
        return _moved(sample, sample.points + trilinear(noise, places))


def bounds(sample: SceneSample) -> tuple[Float32, Float32]:
    """Smallest and largest coordinates, (3,) each; zero without points."""
    if not len(sample):
        return np.zeros(3, np.float32), np.zeros(3, np.float32)
    return sample.points.min(axis=0), sample.points.max(axis=0)


def _about(axis: int, angle: float) -> np.ndarray:
    """Rotation about one axis, (3, 3)."""
    a, b = (axis + 1) % 3, (axis + 2) % 3
    rotation = np.eye(3)
    rotation[[a, b], [a, b]] = np.cos(angle)
    rotation[a, b], rotation[b, a] = -np.sin(angle), np.sin(angle)
    return rotation


def _moved(sample: SceneSample, points: Float32) -> SceneSample:
    return dataclasses.replace(sample, points=points)
