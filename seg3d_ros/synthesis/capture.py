"""Parameters of the scan of a room: camera, views, pose errors, faults of the sensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from seg3d_ros.scene import Camera, Float64
from seg3d_ros.synthesis.drift import with_drift
from seg3d_ros.synthesis.mesh import Array
from seg3d_ros.synthesis.optics import NO_FAULTS, Optics, random_optics
from seg3d_ros.synthesis.sensor import DepthSensor, random_poor_sensor, random_sensor
from seg3d_ros.synthesis.views import Surroundings, random_views
from seg3d_ros.synthesis.walk import random_walk, with_tracking_errors

CAMERA = Camera(320, 240, 262.5, 262.5, 159.5, 119.5)
_POOR = 0.6  # share of the varied scans with a poor depth sensor
_GLOSSY = 0.25  # share of the things


@dataclass(frozen=True, eq=False)
class Capture:
    """Parameters of the scan of a room; the defaults give complete and clean scans.

    Attributes:
        camera: intrinsics of colour and depth.
        views: chooses (4, 4) map_from_camera poses.
        believed: what the robot takes given poses for.
        sensor: draws a depth sensor.
        optics: faults of the colour camera.
        glossy: share of the things that are.
    """

    camera: Camera = CAMERA
    views: Callable[[Surroundings, np.random.Generator], list[Float64]] = lambda around, rng: (
        random_walk(around.size, around.boxes, rng)
    )
    believed: Callable[[list[Float64], np.random.Generator], list[Float64]] = with_tracking_errors
    sensor: Callable[[np.random.Generator], DepthSensor] = random_sensor
    optics: Optics = NO_FAULTS
    glossy: float = 0.0

    def gloss(self, count: int, rng: np.random.Generator) -> Array | None:
        """(count,) float32 gloss of things from 0 to 1; None: all are matt."""
        if not self.glossy:
            return None
        return rng.random(count, np.float32) * (rng.random(count) < self.glossy)


CAREFUL = Capture()


def random_capture(rng: np.random.Generator) -> Capture:
    """Random parameters, those of partial scans with poor cameras included."""
    width, height = ((256, 192), (272, 204), (320, 240))[int(rng.choice(3, p=[0.6, 0.25, 0.15]))]
    focal = width / 2 / np.tan(np.radians(rng.uniform(54, 82)) / 2)
    center = ((width - 1) / 2, (height - 1) / 2)
    return Capture(
        Camera(width, height, focal, focal, *center),
        random_views,
        with_drift,
        random_poor_sensor if rng.random() < _POOR else random_sensor,
        random_optics(rng),
        _GLOSSY,
    )
