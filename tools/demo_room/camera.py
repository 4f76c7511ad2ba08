"""The recorded camera: its walk through the room, and what its sensors make of the world."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter

from demo_room.room import SIZE
from seg3d_ros.scene import Camera
from seg3d_ros.synthesis.mesh import Array

CAMERA = Camera(640, 480, 525.0, 525.0, 319.5, 239.5)
DEPTH_UNIT = 0.001
_BASELINE_M = 0.075  # between projector and camera of a Kinect
_DISPARITY_STEP = 1 / 40  # pixels
_DISPARITY_NOISE = 0.012  # pixels
_MIN_RANGE_M, _MAX_RANGE_M = 0.45, 4.6
_COLOR_NOISE = 2.0  # of 255
_GRAZING = 0.14  # cosine below which too little light comes back


def walk(count: int, rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """(4, 4) map_from_camera poses: once around the room, looking across it, hand held."""
    shaky = gaussian_filter(rng.normal(0, 1, (count, 6)), (1.5, 0), mode="wrap")
    shaky /= shaky.std(axis=0)
    poses = []
    for turn, shake in zip(
        np.linspace(0, 2 * np.pi, count, endpoint=False) + 0.6, shaky, strict=True
    ):
        around = np.array([np.cos(turn), np.sin(turn)])
        eye = np.append(SIZE[:2] / 2 + around * (1.75, 1.3), 1.58 + 0.06 * np.sin(3 * turn))
        # Looking down and up in turn shows the table tops as well as the walls.
        target = np.append(SIZE[:2] / 2 - around * (0.9, 0.7), 0.72 + 0.35 * np.sin(5 * turn))
        eye, target = eye + 0.02 * shake[:3], target + 0.05 * shake[3:]
        forward = (target - eye) / np.linalg.norm(target - eye)
        right = np.cross(forward, (0.02 * shake[0], 0.02 * shake[1], 1.0))
        right /= np.linalg.norm(right)
        pose = np.eye(4)
        pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
        pose[:3, 3] = eye
        poses.append(pose)
    return poses


def photograph(radiance: Array, scale: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Linear light of split pixels to an (H, W, 3) uint8 image with a filmic curve and noise."""
    split = radiance.reshape(CAMERA.height, scale, CAMERA.width, scale, 3)
    curved = (
        split * (2.51 * split + 0.03) / (split * (2.43 * split + 0.59) + 0.14)
    )  # ACES, Narkowicz
    image = np.clip(curved, 0, 1).mean(axis=(1, 3)) ** (1 / 2.2) * 255
    return np.rint(image + rng.normal(0, _COLOR_NOISE, image.shape)).clip(0, 255).astype(np.uint8)


def measure_depth(depth: Array, facing: Array, rng: np.random.Generator) -> NDArray[np.uint16]:
    """True depth (H, W) to what a structured-light camera of today reports.

    Disparity is measured in steps, with noise that neighbours share; nothing comes back from
    edges, from surfaces seen at a grazing angle, and from outside the range (after Khoshelham
    and Elberink, "Accuracy and resolution of Kinect depth data", Sensors 2012).

    Args:
        depth: metres, infinite where there is nothing to measure.
        facing: (H, W) cosine between the surface normal and the line of sight.
        rng: the noise.
    """
    seen = (depth > _MIN_RANGE_M) & (depth < _MAX_RANGE_M)
    safe = np.where(seen, depth, _MAX_RANGE_M)
    noise = gaussian_filter(rng.normal(0, 1, depth.shape), 2.5)
    noise *= _DISPARITY_NOISE / noise.std()
    disparity = CAMERA.fx * _BASELINE_M / safe + noise
    disparity = np.rint(disparity / _DISPARITY_STEP) * _DISPARITY_STEP
    measured = CAMERA.fx * _BASELINE_M / disparity
    edge = maximum_filter(safe, 3) - minimum_filter(safe, 3) > 0.04 * safe
    speckle = gaussian_filter(rng.normal(0, 1, depth.shape), 1.2)
    lost = ~seen | (facing < _GRAZING) | (edge & (speckle > -0.1 * speckle.std()))
    return np.where(lost, 0, np.rint(measured / DEPTH_UNIT)).astype(np.uint16)
