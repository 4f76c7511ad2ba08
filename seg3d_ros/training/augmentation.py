"""Random augmentation of scenes.

Each is called with a sample and a random generator and gives a new sample. Lengths are metres,
colours lie in [0, 1], z is up.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator

from seg3d_ros.datasets.scene_dataset import SceneSample, Transform
from seg3d_ros.recordings.scene_file import PointCloud, voxelize_cloud
from seg3d_ros.segmenters.geometric.color_segments import color_segments
from seg3d_ros.segmenters.geometric.proposals import geometric_segments
from seg3d_ros.segmenters.geometric.surface import build_surface
from seg3d_ros.training.color_augmentation import (
    AutoContrast,
    ColorDrop,
    ColorGamma,
    ColorJitter,
    ColorShift,
)
from seg3d_ros.training.crops import CubeCrop, NearestCrop, PointDropout, RandomCubeCrop
from seg3d_ros.training.map_faults import PoseError, SurfaceNoise, Thinning, Viewpoints
from seg3d_ros.training.object_changes import Clutter, InstancePaint, InstanceStretch
from seg3d_ros.training.spatial_augmentation import (
    ElasticDistortion,
    HorizontalFlip,
    Rotation,
    Scaling,
    Translation,
)


@dataclass(frozen=True)
class Chain:
    """Transforms one after the other."""

    transforms: Sequence[Transform]

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Apply all."""
        for transform in self.transforms:
            sample = transform(sample, rng)
        return sample


@dataclass(frozen=True)
class Sometimes:
    """Transform with a probability in [0, 1], else none."""

    probability: float
    transform: Transform

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Apply it, or don't."""
        return self.transform(sample, rng) if rng.random() < self.probability else sample


@dataclass(frozen=True)
class BentVoxels:
    """Moves the points for the grid of voxels alone: what is told of them stays as it is."""

    transform: Transform

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Fill `bent`."""
        return dataclasses.replace(sample, bent=self.transform(sample, rng).points)


@dataclass(frozen=True)
class GeometricSegments:
    """Adds what shape and colour propose at voxels of this edge, metres; comes last."""

    voxel_size: float

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Fill `segments`."""
        cloud = PointCloud(sample.points, np.rint(sample.colors * 255).astype(np.uint8))
        scene, voxel_of = voxelize_cloud(cloud, self.voxel_size)
        surface = build_surface(scene)
        found = [geometric_segments(surface), color_segments(surface, scene.colors)]
        return dataclasses.replace(sample, segments=np.concatenate(found, axis=1)[voxel_of])


def default_train_augmentations(
    crop_size: float | None = 6.0, min_points: int = 5000
) -> Transform:
    """The augmentations of WarpConvNet's MaskFormer recipe.

    Args:
        crop_size: edge of the cube that is cut out, metres; None for whole scenes.
        min_points: smaller scenes stay whole.
    """
    crops = [] if crop_size is None else [CubeCrop(crop_size, min_points)]
    elastic = Chain((ElasticDistortion(0.2, 0.4), ElasticDistortion(0.8, 1.6)))
    return Chain(
        (
            Rotation(),
            Scaling(),
            Sometimes(0.95, HorizontalFlip()),
            Translation(),
            Sometimes(0.95, elastic),
            Sometimes(0.2, PointDropout()),
            *crops,
            Sometimes(0.2, AutoContrast()),
            Sometimes(0.95, ColorShift()),
            Sometimes(0.95, ColorJitter()),
            Sometimes(0.05, ColorDrop()),
        )
    )


def lassm_augmentations(
    max_points: int | None = 250_000,
    share: float = 1.0,
    tilt: float = np.pi / 64,
    elastic: float = 0.95,
    bend: Literal["voxels", "points"] = "voxels",
) -> Transform:
    """The augmentations of LaSSM; the defaults are those for ScanNet.

    Its random shift is left out: the network counts positions from their mean.

    Args:
        max_points: of a scene; of larger ones the points around a random one are kept.
        share: of the points of any scene that are kept in this way.
        tilt: largest, about x and about y, radians.
        elastic: probability of elastic distortion.
        bend: what it moves: the points, or strongly the grid of voxels, while features and
            positions stay those of the points.
    """
    if bend == "voxels":
        bent: Transform = BentVoxels(
            Chain((ElasticDistortion(0.2, 1.2), ElasticDistortion(0.6, 3.6)))
        )
    else:
        bent = Chain((ElasticDistortion(0.2, 0.4), ElasticDistortion(0.8, 1.6)))
    return Chain(
        (
            Sometimes(0.5, PointDropout()),
            HorizontalFlip(),
            Sometimes(0.95, Rotation(x=0, y=0)),
            Sometimes(0.5, Rotation(x=tilt, y=0, z=0)),
            Sometimes(0.5, Rotation(x=0, y=tilt, z=0)),
            Scaling(0.8, 1.2),
            Sometimes(elastic, bent),
            Sometimes(0.2, AutoContrast()),
            Sometimes(0.95, ColorShift()),
            Sometimes(0.95, ColorJitter(0.05)),
            NearestCrop(max_points, share),
        )
    )


def crop_augmentations(crop_size: float = 4.0, min_points: int = 8000) -> Transform:
    """Crops that are turned, mirrored and scaled: for a backbone that has learned the rest.

    Args:
        crop_size: largest edge of the cube that is cut out, metres; the smallest is half of it.
        min_points: that a cube should hold.
    """
    return Chain(
        (
            RandomCubeCrop(crop_size, min_points),
            HorizontalFlip(),
            Rotation(x=0, y=0),
            Scaling(0.8, 1.2),
        )
    )


# Hardly any colour is to be relied on.
COLOR_CHANGES: tuple[Transform, ...] = (
    Sometimes(0.4, InstancePaint()),
    Sometimes(0.3, AutoContrast()),
    Sometimes(0.8, ColorGamma()),
    Sometimes(0.95, ColorShift(0.2)),
    Sometimes(0.5, ColorJitter(0.05)),
    Sometimes(0.33, ColorDrop()),
)


def room_augmentations(
    crop_size: float = 4.0, min_points: int = 8000, voxel_size: float = 0.04
) -> Transform:
    """The augmentations of `mini`: other objects, the faults of robots' maps, hardly any colour.

    Args:
        crop_size: largest edge of the cube that is cut out, metres; the smallest is half of it.
        min_points: that a cube should hold.
        voxel_size: at which geometry proposes segments, metres.
    """
    return Chain(
        (
            RandomCubeCrop(crop_size, min_points),  # first, as the rest then has less to do
            Sometimes(0.6, InstanceStretch()),
            Sometimes(0.6, Clutter()),
            Sometimes(0.35, Viewpoints()),
            Rotation(),
            Scaling(0.8, 1.2),
            Sometimes(0.95, HorizontalFlip()),
            Sometimes(0.4, PoseError()),
            Sometimes(0.8, SurfaceNoise()),
            Sometimes(0.6, Thinning()),
            *COLOR_CHANGES,
            GeometricSegments(voxel_size),
        )
    )
