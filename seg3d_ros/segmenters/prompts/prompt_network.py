"""Point-SAM on a device: crops of a scene in, logits over their voxels out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from seg3d_ros.compute import Compute
from seg3d_ros.networks.point_operations import MAX_POINTS
from seg3d_ros.networks.point_sam.network import (
    READINGS,
    SINGLE,
    Candidates,
    Clicks,
    EncodedClouds,
    PointSam,
)
from seg3d_ros.scene import Bool, Float32, Int64, Scene
from seg3d_ros.segmenters.masks.blocks import SMALLEST_BLOCK, BlockTooLargeError
from seg3d_ros.segmenters.on_device import run_on_device

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Crop:
    """The voxels of a scene around a point, encoded.

    Attributes:
        rows: (C,) int64 rows of the scene, ascending.
        source: (C,) int64 for each of them the encoded point that stands for it.
        points: (P, 3) float32 encoded points, normalised to the unit ball.
        whole: nothing of the scene lies outside.
        clouds: what the network made of it.
    """

    rows: Int64
    source: Int64
    points: Float32
    whole: bool
    clouds: EncodedClouds


@dataclass(frozen=True, eq=False)
class Answer:
    """Mask refined by the clicks so far.

    Attributes:
        logits: (1, P) over the encoded points of a crop, on the network's device.
        predicted_iou: the network's own guess.
    """

    logits: Tensor
    predicted_iou: float


class PromptNetwork:
    """Point-SAM on a device. Any thread may call it, though calls share the device.

    Args:
        network: Point-SAM of any size.
        compute: device and precision.
    """

    def __init__(self, network: PointSam, compute: Compute) -> None:
        self._compute = compute
        self._network = network.to(compute.device).eval()
        self._memory_for = MAX_POINTS  # points; falls where memory does not suffice

    @property
    def device(self) -> torch.device:
        """Device of the network."""
        return self._compute.device

    def encode(self, scene: Scene, rows: Int64, center: Float32) -> Crop:
        """Encode some voxels around `center`, given by their ascending rows, at least one.

        Where they are more than the network is made for, or than there is memory for, some stand
        for those beside them.

        Raises:
            BlockTooLargeError: the device has not even memory for a small cloud.
            DeviceLostError: the GPU takes no more work from this process.
        """
        offset = scene.points[rows] - center
        while True:
            most = min(self._network.config.most_points, self._memory_for)
            taken, source = _thinned(offset, most)
            points = _normalised(offset[taken], floor=scene.voxel_size)
            try:
                clouds = self._encode(points, scene.colors[rows[taken]] * 2 - 1)
                return Crop(rows, source, points, len(rows) == len(scene), clouds)
            except BlockTooLargeError as error:
                if len(points) <= SMALLEST_BLOCK:
                    raise
                self._memory_for = max(len(points) // 2, SMALLEST_BLOCK)
                logger.warning("%s; going on with %d", error, self._memory_for)

    @torch.inference_mode()
    def _encode(self, points: Float32, colors: Float32) -> EncodedClouds:
        def network() -> EncodedClouds:
            return self._network.encode(self._batch(points), self._batch(colors))

        return self._run(network, checked=lambda clouds: clouds.tokens, points=len(points))

    @torch.inference_mode()
    def answer(
        self, crop: Crop, clicked: Int64, foreground: Bool, *, before: Answer | None = None
    ) -> Answer:
        """The mask of all clicks so far.

        Of the readings of a first click the one is taken that the network thinks best of.

        Args:
            crop: where.
            clicked: (K,) encoded points that were clicked.
            foreground: (K,) on the object or not.
            before: the answer that the last click was given for.

        Raises:
            BlockTooLargeError: the device has no memory for it.
            DeviceLostError: the GPU takes no more work from this process.
        """
        first = before is None and len(clicked) == 1
        clicks = Clicks(
            self._batch(crop.points[clicked]),
            self._batch(foreground.astype(np.int64)),
            before.logits if before else None,
        )

        def network() -> Candidates:
            readings = READINGS if first else SINGLE
            return self._network.predict(crop.clouds, clicks, candidates=readings)

        found = self._run(
            network, checked=lambda found: found.predicted_iou, points=len(crop.points)
        )
        best = int(found.predicted_iou[0].argmax())
        iou = float(found.predicted_iou[0, best].clamp(0, 1))
        return Answer(found.logits[:, best].float(), iou)

    def _run(self, network: Callable[[], T], *, checked: Callable[[T], Tensor], points: int) -> T:
        device = self._compute.device
        return run_on_device(
            device, lambda: self._compute.run(network, checked=checked, name="point_sam"),
            points=points,
        )  # fmt: skip

    def _batch(self, array: Float32 | Int64) -> Tensor:
        return torch.from_numpy(array)[None].to(self._compute.device)


def _thinned(points: Float32, limit: int) -> tuple[Int64, Int64]:
    """At most `limit` rows of (C, 3) points, and (C,) which of those is nearest to each point."""
    count = len(points)
    if count <= limit:
        return np.arange(count), np.arange(count)
    taken = np.sort(np.random.default_rng(0).choice(count, limit, replace=False))
    source = np.full(count, -1)
    source[taken] = np.arange(limit)
    rest = np.flatnonzero(source < 0)
    source[rest] = cKDTree(points[taken]).query(points[rest])[1]
    return taken, source


def _normalised(points: Float32, *, floor: float) -> Float32:
    """Mean at zero, the farthest at distance 1; single points have the size `floor`."""
    centered = points - points.mean(axis=0)
    largest = np.sqrt(np.einsum("ij,ij->i", centered, centered).max())
    return (centered / max(float(largest), floor)).astype(np.float32)
