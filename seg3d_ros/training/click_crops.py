"""Parts of scenes around a click, as the prompt segmenter cuts them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from seg3d_ros.scene import Int64
from seg3d_ros.segmenters.point_sam_session import INNER_SHARE, RADII_M
from seg3d_ros.training.augmentation import (
    AutoContrast,
    Chain,
    ColorDrop,
    ColorJitter,
    ColorShift,
    HorizontalFlip,
    Rotation,
    Sometimes,
)
from seg3d_ros.training.dataset import SceneSample, Transform

_LEVEL_OFF = (0.25, 0.5, 0.25)  # chance of a crop too small for the object, of its own, too large


@dataclass(frozen=True)
class ObjectCrop:
    """A ball around a random point of a random object; a training transform.

    The point comes first. The others are in random order, so that the first so many of them are
    a thinner cloud.

    Attributes:
        points: of a crop; small ones hold some of them several times.
        min_object_points: smaller objects are not clicked.
    """

    points: int = 16_384
    min_object_points: int = 50

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Cut.

        Raises:
            ValueError: the scene has no object of that size.
        """
        clicked = int(rng.choice(self._points_of_an_object(sample, rng)))
        distances = np.linalg.norm(sample.points - sample.points[clicked], axis=1)
        own = sample.instance == sample.instance[clicked]
        level = _level(float(distances[own].max())) + int(rng.choice(3, p=_LEVEL_OFF)) - 1
        radius = RADII_M[min(max(level, 0), len(RADII_M) - 1)]
        inside = rng.permutation(np.flatnonzero((distances <= radius) & (distances > 0)))
        return sample.take(np.resize(np.concatenate([[clicked], inside]), self.points))

    def _points_of_an_object(self, sample: SceneSample, rng: Generator) -> Int64:
        ids, counts = np.unique(sample.instance[sample.instance >= 0], return_counts=True)
        large = ids[counts >= self.min_object_points]
        if not len(large):
            raise ValueError(
                f"{sample.name} has no object of {self.min_object_points} points; leave it out"
            )
        return np.flatnonzero(sample.instance == rng.choice(large))


def _level(reach: float) -> int:
    """The first crop that holds an object which reaches so far from the click."""
    fits = [INNER_SHARE * radius >= reach for radius in RADII_M]
    return fits.index(True) if any(fits) else len(RADII_M) - 1


def click_augmentations(points: int = 16_384) -> Transform:
    """Crops, turned and mirrored, in other colours; all of one size, so that they can be batched.

    Args:
        points: of each crop.
    """
    return Chain(
        (
            ObjectCrop(points),
            Rotation(),
            Sometimes(0.5, HorizontalFlip()),
            Sometimes(0.3, AutoContrast()),
            Sometimes(0.9, ColorShift(0.15)),
            Sometimes(0.5, ColorJitter(0.03)),
            Sometimes(0.05, ColorDrop()),
        )
    )
