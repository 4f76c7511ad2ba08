"""Random colours of scenes; see `augmentation`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from seg3d_ros.datasets.scene_dataset import SceneSample

GREY = 0.5


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


def _painted(sample: SceneSample, colors: np.ndarray) -> SceneSample:
    return dataclasses.replace(sample, colors=colors.clip(0, 1).astype(np.float32, copy=False))
