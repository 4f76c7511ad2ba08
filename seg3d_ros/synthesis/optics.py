"""Faults of colour images beside noise: blur, vignetting, exposure, a shift against the depth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import convolve, shift

from seg3d_ros.synthesis.mesh import Array


@dataclass(frozen=True)
class Optics:
    """Faults of the colour camera of a scan; the defaults are none.

    Attributes:
        blur: longest way that the image moves during an exposure, pixels.
        vignetting: part of the light that is lost in the corners of the image.
        exposure: deviation of the logarithm of the exposure from view to view.
        overexposure: factor of the exposure of all views.
        offset: (rows, columns) by which colours lie beside the depths they belong to, pixels.
    """

    blur: float = 0.0
    vignetting: float = 0.0
    exposure: float = 0.0
    overexposure: float = 1.0
    offset: tuple[float, float] = (0.0, 0.0)

    def distort(self, light: Array, rng: np.random.Generator) -> Array:
        """(H, W, 3) linear light that reaches the sensor instead of what was sent out."""
        if self == NO_FAULTS:
            return light
        if self.offset != (0.0, 0.0):
            light = shift(light, (*self.offset, 0), order=0, mode="nearest")
        length = rng.uniform(0, self.blur)
        if length > 1:
            light = convolve(light, _streak(length, rng.uniform(0, np.pi))[..., None])
        gain = self.overexposure * np.exp(rng.normal(0, self.exposure))
        return np.asarray(light * (gain * self._falloff(light.shape[:2])), np.float32)

    def _falloff(self, shape: tuple[int, int]) -> Array:
        rows, columns = (np.linspace(-1, 1, count, dtype=np.float32) for count in shape)
        squared = (rows[:, None, None] ** 2 + columns[None, :, None] ** 2) / 2
        return np.asarray(1 - np.float32(self.vignetting) * squared)


NO_FAULTS = Optics()


def random_optics(rng: np.random.Generator) -> Optics:
    """Faults of hand-held cameras of robots; a fifth of them has none."""
    if rng.random() < 0.2:
        return NO_FAULTS
    row, column = rng.normal(0, 1.2, 2).tolist() if rng.random() < 0.6 else (0.0, 0.0)
    return Optics(
        blur=rng.uniform(2, 9) if rng.random() < 0.5 else 0.0,
        vignetting=rng.uniform(0, 0.5),
        exposure=rng.uniform(0, 0.35),
        overexposure=float(np.exp(rng.normal(0, 0.4))),
        offset=(row, column),
    )


def _streak(length: float, angle: float) -> Array:
    """Square kernel of a straight motion through so many pixels."""
    side = 2 * int(np.ceil(length / 2)) + 1
    kernel = np.zeros((side, side), np.float32)
    along = np.linspace(-length / 2, length / 2, 4 * side)
    rows, columns = (np.rint(f(angle) * along).astype(int) + side // 2 for f in (np.sin, np.cos))
    np.add.at(kernel, (rows, columns), np.float32(1 / len(along)))
    return kernel
