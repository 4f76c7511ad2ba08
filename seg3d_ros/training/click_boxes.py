"""Boxes around objects to click on, with the faults of robots' maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from seg3d_ros.datasets.scene_dataset import SceneSample, Transform
from seg3d_ros.training.augmentation import COLOR_CHANGES, Chain, Sometimes
from seg3d_ros.training.crops import RandomCubeCrop
from seg3d_ros.training.map_faults import PoseError, SurfaceNoise, Thinning, Viewpoints
from seg3d_ros.training.object_changes import Clutter, InstanceStretch
from seg3d_ros.training.spatial_augmentation import HorizontalFlip, Rotation, Scaling

_MARGIN_M = (0.1, 0.8)  # on each side of an object ...
_MARGIN_SHARE = (0.1, 0.7)  # ... and besides so much of its largest extent
_CUT = 0.1  # chance of a side that cuts the object ...
_CUT_SHARE = 0.3  # ... by so much of its extent at most


@dataclass(frozen=True)
class ObjectBox:
    """The surroundings of a random object; a training transform.

    A random point of the object comes first.

    Attributes:
        min_object_points: smaller objects are not clicked.
    """

    min_object_points: int = 30

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Cut; a part of a room that holds no object stays whole."""
        ids, counts = np.unique(sample.instance[sample.instance >= 0], return_counts=True)
        if not len(ids):
            return sample
        large = ids[counts >= min(self.min_object_points, counts.max())]
        own = np.flatnonzero(sample.instance == rng.choice(large))
        low, high = sample.points[own].min(axis=0), sample.points[own].max(axis=0)
        extent = high - low
        margins = rng.uniform(*_MARGIN_M, (2, 3)) + rng.uniform(*_MARGIN_SHARE) * extent.max()
        cut = rng.random((2, 3)) < _CUT
        margins[cut] = (-_CUT_SHARE * rng.random((2, 3)) * extent)[cut]
        inside = ((sample.points >= low - margins[0]) & (sample.points <= high + margins[1])).all(
            axis=1
        )
        inside_own = own[inside[own]]
        clicked = int(rng.choice(inside_own if len(inside_own) else own))
        inside[clicked] = False
        return sample.take(np.concatenate([[clicked], np.flatnonzero(inside)]))


def click_box_augmentations(crop_size: float = 4.0, min_points: int = 4000) -> Transform:
    """Boxes around objects of changed rooms.

    Args:
        crop_size: largest edge of the cube that is changed, metres; the smallest is half of it.
        min_points: that a cube should hold.
    """
    return Chain(
        (
            RandomCubeCrop(crop_size, min_points),  # first, as the rest then has less to do
            Sometimes(0.5, InstanceStretch()),
            Sometimes(0.5, Clutter()),
            Sometimes(0.35, Viewpoints()),
            Rotation(),
            Scaling(0.8, 1.2),
            Sometimes(0.5, HorizontalFlip()),
            Sometimes(0.4, PoseError()),
            Sometimes(0.8, SurfaceNoise()),
            Sometimes(0.5, Thinning()),
            ObjectBox(),
            *COLOR_CHANGES,
        )
    )
