"""Parts of scenes around a click, as the prompt segmenter cuts them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from seg3d_ros.datasets.scene_dataset import SceneSample, Transform
from seg3d_ros.errors import InputError
from seg3d_ros.scene import Bool, Float32, Int64
from seg3d_ros.segmenters.prompts.point_sam_session import RADII_M
from seg3d_ros.training.augmentation import Chain, Sometimes
from seg3d_ros.training.color_augmentation import AutoContrast, ColorDrop, ColorJitter, ColorShift
from seg3d_ros.training.spatial_augmentation import HorizontalFlip, Rotation

_INNER = 0.65  # of a radius; what lies beyond is there to tell where objects end
_SMALLER, _LARGER = 0.45, 0.15  # chance of a crop too small for the object, and of the next larger


@dataclass(frozen=True)
class ObjectCrop:
    """A ball around a random point of a random object; a training transform.

    The point comes first. The others are in random order, so that the first so many of them are
    a thinner cloud.

    Attributes:
        points: that a crop holds at most.
        min_object_points: smaller objects are not clicked.
    """

    points: int = 6144
    min_object_points: int = 50

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Cut.

        Raises:
            InputError: the scene has no object of that size.
        """
        clicked = int(rng.choice(self._points_of_an_object(sample, rng)))
        distances = np.linalg.norm(sample.points - sample.points[clicked], axis=1)
        own = sample.instance == sample.instance[clicked]
        radius = RADII_M[_level(float(distances[own].max()), rng)]
        inside = distances <= radius
        others = rng.permutation(np.flatnonzero(inside & (distances > 0)))
        sample = dataclasses.replace(sample, share=_shares(sample.instance, inside))
        return sample.take(np.concatenate([[clicked], others[: self.points - 1]]))

    def _points_of_an_object(self, sample: SceneSample, rng: Generator) -> Int64:
        ids, counts = np.unique(sample.instance[sample.instance >= 0], return_counts=True)
        large = ids[counts >= self.min_object_points]
        if not len(large):
            raise InputError(
                f"{sample.name} has no object of {self.min_object_points} points; leave it out"
            )
        return np.flatnonzero(sample.instance == rng.choice(large))


def _shares(instance: Int64, inside: Bool) -> Float32:
    """(N,) how much of the instance of each point is inside."""
    _, place, sizes = np.unique(instance, return_inverse=True, return_counts=True)
    shares = np.bincount(place[inside], minlength=len(sizes)) / sizes
    return shares[place].astype(np.float32)


def _level(reach: float, rng: Generator) -> int:
    """Of a crop: mostly the first that holds an object which reaches so far from the click."""
    last = len(RADII_M) - 1
    fitting = next((i for i, r in enumerate(RADII_M) if _INNER * r >= reach), last)
    chance = rng.random()
    if chance < _SMALLER:
        return int(rng.integers(fitting + 1))
    return min(fitting + 1, last) if chance > 1 - _LARGER else fitting


def click_augmentations(points: int = 6144) -> Transform:
    """Crops, turned and mirrored, in other colours.

    Args:
        points: that a crop holds at most.
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
