"""Random augmentation of single objects: shape, colour, clutter.

Furniture models are few. Stretched, painted and set down elsewhere, they cannot be learned by
heart, and what usually stands together tells less than what is there to see.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from seg3d_ros.datasets.scene_dataset import SceneSample
from seg3d_ros.scene import Bool, Float32, Int64
from seg3d_ros.training.map_faults import joined

_UPRIGHT = 0.9  # z of the normal of what things can stand on


@dataclass(frozen=True)
class InstanceStretch:
    """Stretches instances along x, y and z, each by its own factors; what they stand on stays.

    Attributes:
        share: of the instances.
        low: smallest factor.
        high: largest factor.
    """

    share: float = 0.5
    low: float = 0.8
    high: float = 1.25

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Move the points of the chosen instances."""
        rows, owner, count = _members(sample)
        if not count:
            return sample
        points = sample.points[rows]
        low, high = _bounds_of(points, owner, count)
        base = (low + high) / 2
        base[:, 2] = low[:, 2]
        factors = rng.uniform(self.low, self.high, (count, 3)).astype(np.float32)
        factors[rng.random(count) >= self.share] = 1
        moved = sample.points.copy()
        moved[rows] = (points - base[owner]) * factors[owner] + base[owner]
        return dataclasses.replace(sample, points=moved)


@dataclass(frozen=True)
class InstancePaint:
    """Mixes the colours of instances with random ones, and swaps their channels.

    Attributes:
        share: of the instances.
    """

    share: float = 0.5

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Paint the chosen instances, walls and floors as well."""
        owner = np.where(sample.instance < 0, -1 - sample.segment, sample.instance)
        _, owner = np.unique(owner, return_inverse=True)
        count = int(owner.max(initial=-1)) + 1
        mixed = rng.uniform(0, 0.9, (count, 1)) * (rng.random((count, 1)) < self.share)
        paint = rng.random((count, 3))
        orders = np.argsort(rng.random((count, 3)), axis=1)
        orders[mixed[:, 0] == 0] = (0, 1, 2)
        colors = np.take_along_axis(sample.colors, orders[owner], axis=1)
        painted = colors + mixed[owner] * (paint[owner] - colors)
        return dataclasses.replace(sample, colors=painted.astype(np.float32))


@dataclass(frozen=True)
class Clutter:
    """Sets copies of small instances down on surfaces of the scene.

    Attributes:
        most: copies.
        extent: largest one that is copied, metres.
    """

    most: int = 10
    extent: float = 0.8

    def __call__(self, sample: SceneSample, rng: Generator) -> SceneSample:
        """Add the copies as new instances."""
        places = np.flatnonzero(sample.normals[:, 2] > _UPRIGHT)
        rows, owner, count = _members(sample)
        if not count or not len(places):
            return sample
        low, high = _bounds_of(sample.points[rows], owner, count)
        small = np.flatnonzero((high - low).max(axis=1) <= self.extent)
        if not len(small):
            return sample
        copies: list[SceneSample] = []
        number = int(sample.instance.max()) + 1
        for chosen in rng.choice(small, rng.integers(self.most + 1)):
            copy = _set_down(
                sample.take(rows[owner == chosen]), sample.points[rng.choice(places)], rng
            )
            if _is_free(sample.points, copy.points):
                instance = np.full(len(copy), number + len(copies), np.int64)
                copies.append(dataclasses.replace(copy, instance=instance))
        for copy in copies:
            sample = joined(sample, copy)
        return sample


def _members(sample: SceneSample) -> tuple[Int64, Int64, int]:
    """Rows on instances, the place of each one's instance among them, and how many there are."""
    rows = np.flatnonzero(sample.instance >= 0)
    ids, owner = np.unique(sample.instance[rows], return_inverse=True)
    return rows, owner, len(ids)


def _bounds_of(points: Float32, owner: Int64, count: int) -> tuple[Float32, Float32]:
    """Lowest and highest corner of each owner, (count, 3) each."""
    order = np.argsort(owner, kind="stable")
    starts = np.searchsorted(owner[order], np.arange(count))
    low = np.minimum.reduceat(points[order], starts)
    high = np.maximum.reduceat(points[order], starts)
    return low, high


def _set_down(copy: SceneSample, place: Float32, rng: Generator) -> SceneSample:
    """Turn it about the vertical, now and then onto its side, and stand it on a place."""
    angle = rng.uniform(0, 2 * np.pi)
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    if rng.random() < 0.25:
        turn = turn @ np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    turn = (turn * rng.choice([-1, 1], (3, 1)) if rng.random() < 0.2 else turn).astype(np.float32)
    points = copy.points @ turn.T
    base = (points.min(axis=0) + points.max(axis=0)) / 2
    base[2] = points[:, 2].min()
    return dataclasses.replace(copy, points=points - base + place, normals=copy.normals @ turn.T)


def _is_free(points: Float32, copy: Float32, *, above: float = 0.04, share: float = 0.1) -> bool:
    """Whether the place of a copy is nearly empty."""
    low, high = copy.min(axis=0), copy.max(axis=0)
    low[2] += above
    hits: Bool = ((points > low) & (points < high)).all(axis=1)
    return bool(hits.sum() <= share * len(copy))
