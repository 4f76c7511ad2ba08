"""Random parts of scenes; see `augmentation`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from seg3d_ros.datasets.scene_dataset import SceneSample
from seg3d_ros.training.spatial_augmentation import bounds

_TRIES = 8  # cubes


@dataclass(frozen=True)
class PointDropout:
    """Loses a share of the points."""

    share: float = 0.2

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Keep the others, in their order."""
        return sample.take(rng.random(len(sample), np.float32) >= self.share)


@dataclass(frozen=True)
class CubeCrop:
    """Cuts a cube out, about a random point as far as the scene reaches.

    Attributes:
        size: edge of the cube, metres; a scene that fits in stays whole.
        min_points: scenes with fewer stay whole.
    """

    size: float
    min_points: int = 0

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Keep the points inside."""
        if len(sample) < max(self.min_points, 1):
            return sample
        low, high = bounds(sample)
        corner = sample.points[rng.integers(len(sample))] - np.float32(self.size / 2)
        corner = np.maximum(np.minimum(corner, high - np.float32(self.size)), low)
        offsets = sample.points - corner
        return sample.take(((offsets >= 0) & (offsets <= np.float32(self.size))).all(axis=1))


@dataclass(frozen=True)
class RandomCubeCrop:
    """Cuts a cube out, of an edge between half and all of a length.

    Attributes:
        largest: metres.
        min_points: a crop should hold; some are tried, then the scene stays whole.
    """

    largest: float
    min_points: int

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Keep the points inside."""
        for _ in range(_TRIES):
            crop = CubeCrop(rng.uniform(self.largest / 2, self.largest))(sample, rng)
            if len(crop) >= self.min_points:
                return crop
        return sample


@dataclass(frozen=True)
class NearestCrop:
    """Keeps the points nearest to a random one.

    Attributes:
        count: of points, at most; None: any number.
        share: of the points of a scene, at most.
    """

    count: int | None
    share: float = 1.0

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Keep them, in their order."""
        count = math.ceil(self.share * len(sample))
        count = count if self.count is None else min(count, self.count)
        if len(sample) <= count:
            return sample
        away = sample.points - sample.points[rng.integers(len(sample))]
        square = np.einsum("ij,ij->i", away, away)
        return sample.take(np.sort(np.argpartition(square, count - 1)[:count]))
