"""Random augmentation of scenes.

Each is called with a sample and a random generator and gives a new sample. Lengths are metres,
colours lie in [0, 1], z is up.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from seg3d_ros.datasets.scene_dataset import SceneSample, Transform
from seg3d_ros.recordings.scene_file import PointCloud, voxelize_cloud
from seg3d_ros.scene import Float32
from seg3d_ros.segmenters.geometric.color_segments import color_segments
from seg3d_ros.segmenters.geometric.proposals import geometric_segments
from seg3d_ros.segmenters.geometric.surface import build_surface
from seg3d_ros.training.elastic import smooth_noise, trilinear
from seg3d_ros.training.map_faults import PoseError, SurfaceNoise, Thinning, Viewpoints
from seg3d_ros.training.object_changes import Clutter, InstancePaint, InstanceStretch

GREY = 0.5
_TRIES = 8  # cubes


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
        low, high = _bounds(sample)
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
        _, high = _bounds(sample)
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
        low, high = _bounds(sample)
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
        low, high = _bounds(sample)
        cells = np.floor((high - low) / self.spacing).astype(np.int64) + 2
        noise = smooth_noise(tuple(cells), rng) * np.float32(self.magnitude)
        places = (sample.points - low) / np.float32(self.spacing)
        return _moved(sample, sample.points + trilinear(noise, places))


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
        low, high = _bounds(sample)
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
        count: of points; smaller scenes stay whole.
    """

    count: int

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Keep them, in their order."""
        if len(sample) <= self.count:
            return sample
        away = sample.points - sample.points[rng.integers(len(sample))]
        square = np.einsum("ij,ij->i", away, away)
        return sample.take(np.sort(np.argpartition(square, self.count - 1)[: self.count]))


@dataclass(frozen=True)
class AutoContrast:
    """Stretches each channel towards its full range, by a random share of the way."""

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Blend the colours with the stretched ones."""
        colors, share = sample.colors, np.float32(rng.random())
        if not len(colors):
            return sample
        low, high = colors.min(axis=0), colors.max(axis=0)
        stretched = (colors - low) / np.maximum(high - low, np.float32(1e-6))
        return _painted(sample, colors + share * (stretched - colors))


@dataclass(frozen=True)
class ColorGamma:
    """Bends the scale of each channel: another exposure, another white.

    Attributes:
        common: largest logarithm of the exponent of all channels.
        single: of each on its own.
    """

    common: float = 0.7
    single: float = 0.2

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Raise the colours to random powers."""
        powers = rng.uniform(-self.common, self.common) + rng.uniform(-self.single, self.single, 3)
        return _painted(sample, sample.colors.clip(0, 1) ** np.exp(powers).astype(np.float32))


@dataclass(frozen=True)
class ColorShift:
    """Adds up to `limit` to each channel, the same to all points."""

    limit: float = 0.1

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Shift the colours."""
        return _painted(sample, sample.colors + rng.uniform(-self.limit, self.limit, 3))


@dataclass(frozen=True)
class ColorJitter:
    """Adds Gaussian noise to every colour."""

    deviation: float = 0.01

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Blur the colours."""
        noise = rng.standard_normal(sample.colors.shape, np.float32)
        return _painted(sample, sample.colors + noise * np.float32(self.deviation))


@dataclass(frozen=True)
class ColorDrop:
    """Takes all colours away: every point is grey."""

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Paint it grey."""
        return dataclasses.replace(sample, colors=np.full_like(sample.colors, GREY))


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


def lassm_augmentations(max_points: int = 250_000) -> Transform:
    """The augmentations of LaSSM on ScanNet.

    Elastic distortion moves the points themselves, as in the recipe for ScanNet200.

    Args:
        max_points: of a scene; of larger ones the points around a random one are kept.
    """
    elastic = Chain((ElasticDistortion(0.2, 0.4), ElasticDistortion(0.8, 1.6)))
    return Chain(
        (
            Sometimes(0.5, PointDropout()),
            HorizontalFlip(),
            Sometimes(0.95, Rotation(x=0, y=0)),
            Sometimes(0.5, Rotation(y=0, z=0)),
            Sometimes(0.5, Rotation(x=0, z=0)),
            Scaling(0.8, 1.2),
            Sometimes(0.95, elastic),
            Sometimes(0.2, AutoContrast()),
            Sometimes(0.95, ColorShift()),
            Sometimes(0.95, ColorJitter(0.05)),
            NearestCrop(max_points),
        )
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
            Sometimes(0.4, InstancePaint()),
            Sometimes(0.3, AutoContrast()),
            Sometimes(0.8, ColorGamma()),
            Sometimes(0.95, ColorShift(0.2)),
            Sometimes(0.5, ColorJitter(0.05)),
            Sometimes(0.33, ColorDrop()),
            GeometricSegments(voxel_size),
        )
    )


def _about(axis: int, angle: float) -> np.ndarray:
    """Rotation about one axis, (3, 3)."""
    a, b = (axis + 1) % 3, (axis + 2) % 3
    rotation = np.eye(3)
    rotation[[a, b], [a, b]] = np.cos(angle)
    rotation[a, b], rotation[b, a] = -np.sin(angle), np.sin(angle)
    return rotation


def _bounds(sample: SceneSample) -> tuple[Float32, Float32]:
    """Smallest and largest coordinates, (3,) each; zero without points."""
    if not len(sample):
        return np.zeros(3, np.float32), np.zeros(3, np.float32)
    return sample.points.min(axis=0), sample.points.max(axis=0)


def _moved(sample: SceneSample, points: Float32) -> SceneSample:
    return dataclasses.replace(sample, points=points)


def _painted(sample: SceneSample, colors: np.ndarray) -> SceneSample:
    return dataclasses.replace(sample, colors=colors.clip(0, 1).astype(np.float32, copy=False))
