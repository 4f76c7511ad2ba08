"""Point-SAM on a device: crops of a scene in, logits over their voxels out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from seg3d_ros.networks.point_sam import (
    READINGS,
    SINGLE,
    Clicks,
    EncodedClouds,
    PointSam,
)
from seg3d_ros.scene import Bool, Float32, Int64, Scene
from seg3d_ros.segmenters.spaceformer_engine import autocast


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
    """A mask in the making.

    Attributes:
        logits: (1, P) over the encoded points of a crop, on the network's device.
        predicted_iou: the network's own guess.
    """

    logits: Tensor
    predicted_iou: float


class PromptNetwork:
    """Runs the network. Without state: any thread may call it, though calls share the device.

    Args:
        network: Point-SAM of any size.
        device: where it runs.
        precision: "fp32", which the released weights were evaluated in, "fp16" or "bf16".
    """

    def __init__(
        self, network: PointSam, *, device: torch.device, precision: str = "fp32"
    ) -> None:
        self.device = device
        self._precision = precision
        self._network = network.to(device).eval()

    @torch.inference_mode()
    def encode(self, scene: Scene, center: Float32, radius: float) -> Crop:
        """Encode the voxels within `radius` metres of `center`; at least one has to be.

        Where they are more than the network is made for, some stand for those beside them.
        """
        offset = scene.points - center
        distances = np.sqrt(np.einsum("ij,ij->i", offset, offset))
        rows = np.flatnonzero(distances <= radius)
        taken, source = _thinned(offset[rows], self._network.config.most_points)
        points = _normalised(offset[rows[taken]], floor=scene.voxel_size)
        colors = scene.colors[rows[taken]] * 2 - 1
        with autocast(self.device, self._precision):
            clouds = self._network.encode(self._batch(points), self._batch(colors))
        whole = len(rows) == len(scene)
        return Crop(rows, source, points, whole, clouds)

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
        """
        first = before is None and len(clicked) == 1
        clicks = Clicks(
            self._batch(crop.points[clicked]),
            self._batch(foreground.astype(np.int64)),
            before.logits if before else None,
        )
        with autocast(self.device, self._precision):
            found = self._network.predict(
                crop.clouds, clicks, candidates=READINGS if first else SINGLE
            )
        best = int(found.predicted_iou[0].argmax())
        iou = float(found.predicted_iou[0, best].clamp(0, 1))
        return Answer(found.logits[:, best].float(), iou)

    def _batch(self, array: Float32 | Int64) -> Tensor:
        return torch.from_numpy(array)[None].to(self.device)


def _thinned(points: Float32, limit: int) -> tuple[Int64, Int64]:
    """At most `limit` rows of (C, 3) points, and (C,) which of those is nearest to each point."""
    count = len(points)
    if count <= limit:
        return np.arange(count), np.arange(count)
    taken = np.sort(np.random.default_rng(0).choice(count, limit, replace=False))
    return taken, cKDTree(points[taken]).query(points)[1]


def _normalised(points: Float32, *, floor: float) -> Float32:
    """Mean at zero, the farthest at distance 1; single points have the size `floor`."""
    centered = points - points.mean(axis=0)
    largest = np.sqrt(np.einsum("ij,ij->i", centered, centered).max())
    return (centered / max(float(largest), floor)).astype(np.float32)
