"""Noise and gaps of today's depth cameras, applied to a true depth image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter
from scipy.special import ndtri

from seg3d_ros.synthesis.mesh import Array

DEPTH_UNIT = 0.001  # metres
_FOCAL_BASELINE = 43.0  # pixels times metres of a Kinect or PrimeSense: 575 pixels, 7.5 cm
_EDGE = 0.04  # steps of this part of the depth are edges
_DARK = 0.015  # linear albedo that swallows the light of a projector


@dataclass(frozen=True)
class DepthSensor:
    """Errors of a depth camera.

    After Khoshelham and Elberink, "Accuracy and resolution of Kinect depth data" (Sensors 2012),
    and Nguyen et al., "Modeling Kinect sensor noise" (3DIMPVT 2012).

    Attributes:
        min_range, max_range: depth that is measured, metres.
        disparity_step: steps in which disparity is measured, pixels; 0: time of flight.
        noise: standard deviation of the depth at any range, metres.
        noise_per_range2: what is added to it at one metre; grows with the square of the range.
        patch: neighbours that share their noise, standard deviation in pixels; 0: none.
        grazing: cosine of the angle of incidence below which nothing comes back.
        edge_loss: part of the pixels at depth edges without measurement.
        mixing: part of the others that report a depth between those of both sides.
        dark_loss: part of the pixels on black things without measurement.
        far_loss: part of the pixels at the greatest range without measurement; less as the square
            of the range.
        gloss_loss: part of the pixels on the glossiest things without measurement.
    """

    min_range: float
    max_range: float
    disparity_step: float
    noise: float
    noise_per_range2: float
    patch: float
    grazing: float
    edge_loss: float
    mixing: float
    dark_loss: float
    far_loss: float = 0.0
    gloss_loss: float = 0.0

    def measure(
        self,
        depth: Array,
        facing: Array,
        albedo: Array,
        rng: np.random.Generator,
        *,
        gloss: Array | None = None,
    ) -> npt.NDArray[np.uint16]:
        """Report on a true depth image.

        Args:
            depth: (H, W) float32 metres along the optical axis, infinite where nothing is.
            facing: (H, W) float32 cosine between surface normal and line of sight.
            albedo: (H, W) float32 linear brightness of the surfaces.
            rng: the noise.
            gloss: (H, W) float32 from 0 for matt surfaces to 1; None: all are matt.

        Returns:
            (H, W) uint16 in DEPTH_UNIT, 0 where nothing was measured.
        """
        seen = (depth > self.min_range) & (depth < self.max_range)
        true = np.where(seen, depth, np.float32(self.max_range))
        near, far = minimum_filter(true, 3), maximum_filter(true, 3)
        edge = far - near > _EDGE * true
        luck = _noise(depth.shape, 1.2, rng)
        lost = ~seen | (facing < self.grazing)
        lost |= edge & (luck < _quantile(self.edge_loss))
        lost |= (albedo < _DARK) & (luck < _quantile(self.dark_loss))
        if self.far_loss:
            lost |= luck < ndtri(self.far_loss * np.square(true / self.max_range))
        if self.gloss_loss and gloss is not None:
            lost |= luck < ndtri(self.gloss_loss * gloss)
        mixed = edge & (far < self.max_range) & (rng.random(depth.shape) < self.mixing)
        between = near + rng.random(depth.shape, np.float32) * (far - near)
        true = np.where(mixed, between, true)
        spread = self.noise + self.noise_per_range2 * true**2
        measured = true + spread * _noise(depth.shape, self.patch, rng)
        if self.disparity_step:
            disparity = _FOCAL_BASELINE / measured / self.disparity_step
            measured = _FOCAL_BASELINE / (np.maximum(np.rint(disparity), 1) * self.disparity_step)
        return np.where(lost, 0, np.rint(measured / DEPTH_UNIT).clip(0, 65535)).astype(np.uint16)


def random_sensor(rng: np.random.Generator) -> DepthSensor:
    """A structured-light or a time-of-flight camera, good or less good."""
    near, far = rng.uniform(0.3, 0.5), rng.uniform(3.5, 5.0)
    grazing, edge_loss = rng.uniform(0.08, 0.2), rng.uniform(0.2, 0.8)
    if rng.random() < 0.6:
        return DepthSensor(
            near, far, disparity_step=1 / rng.choice([8, 16, 32, 32]), noise=0.0,
            noise_per_range2=rng.uniform(0.0005, 0.0015), patch=rng.uniform(0.7, 2.0),
            grazing=grazing, edge_loss=edge_loss, mixing=0.0, dark_loss=rng.uniform(0.0, 0.8),
        )  # fmt: skip
    return DepthSensor(
        near, far, disparity_step=0.0, noise=rng.uniform(0.001, 0.005),
        noise_per_range2=rng.uniform(0.0002, 0.0008), patch=0.0,
        grazing=grazing, edge_loss=edge_loss, mixing=rng.uniform(0.0, 0.15),
        dark_loss=rng.uniform(0.0, 0.4),
    )  # fmt: skip


def random_poor_sensor(rng: np.random.Generator) -> DepthSensor:
    """Random camera with coarse steps, strong noise, and losses far away and on gloss."""
    good = random_sensor(rng)
    structured = good.disparity_step > 0
    return replace(
        good,
        max_range=rng.uniform(3.5, 7.0),
        disparity_step=1 / rng.choice([2, 4, 8, 8, 16]) if structured else 0.0,
        noise_per_range2=rng.uniform(0.001, 0.004 if structured else 0.003),
        grazing=rng.uniform(0.1, 0.35),
        edge_loss=rng.uniform(0.3, 1.0),
        mixing=rng.uniform(0.05, 0.5),
        dark_loss=rng.uniform(0.2, 1.0),
        far_loss=rng.uniform(0.0, 0.7),
        gloss_loss=rng.uniform(0.0, 0.9),
    )


def _noise(shape: tuple[int, ...], patch: float, rng: np.random.Generator) -> Any:
    """Standard normal noise; with `patch` neighbours have nearly the same."""
    noise = rng.standard_normal(shape, np.float32)
    if not patch:
        return noise
    # A Gaussian filter of width s divides the deviation of white noise by 2 s sqrt(pi).
    return gaussian_filter(noise, patch, truncate=3.0) * np.float32(2 * patch * np.sqrt(np.pi))


def _quantile(part: float) -> float:
    """Value that a part of standard normal numbers lies below."""
    return float(ndtri(np.clip(part, 1e-6, 1 - 1e-6)))
