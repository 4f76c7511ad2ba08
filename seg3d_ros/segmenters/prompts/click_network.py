"""MiniClicks on a device: boxes of a scene in, probabilities of their voxels out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from seg3d_ros.compute import Compute
from seg3d_ros.networks.mini.network import Mini
from seg3d_ros.networks.mini_clicks.channels import VoxelClicks
from seg3d_ros.networks.mini_clicks.network import MiniClicks, VoxelCrop, encode_crop
from seg3d_ros.scene import Bool, Float32, Int64, Scene
from seg3d_ros.segmenters.on_device import run_on_device
from seg3d_ros.sparse.voxelize import mean_by_row

T = TypeVar("T")

# Voxels of the network in a box. What it finds at two sizes errs in different places, and their
# mean is better than both.
MOST_VOXELS = (8000, 2500)


@dataclass(frozen=True, eq=False)
class EncodedBox:
    """Part of a scene as the network sees it.

    Attributes:
        low: (3,) corner, metres.
        high: (3,) corner.
        rows: (C,) int64 voxels of the scene inside, ascending.
        crops: what the network made of them, in voxels of several sizes.
        scene_size: N voxels of the scene.
    """

    low: Float32
    high: Float32
    rows: Int64
    crops: tuple[VoxelCrop, ...]
    scene_size: int


class ClickNetwork:
    """`mini` and what answers clicks on its features.

    Args:
        mini: encodes.
        head: answers.
        compute: device and precision.
    """

    def __init__(self, mini: Mini, head: MiniClicks, compute: Compute) -> None:
        self._compute = compute
        self._mini = mini.to(compute.device).eval()
        self._head = head.to(compute.device).eval()

    @property
    def device(self) -> torch.device:
        """Device of the network."""
        return self._compute.device

    @torch.inference_mode()
    def encode(self, scene: Scene, low: Float32, high: Float32) -> EncodedBox:
        """Encode the voxels between two corners, (3,) metres; at least one has to be.

        Raises:
            BlockTooLargeError: the device has no memory for it.
            DeviceLostError: the GPU takes no more work from this process.
        """
        inside = (scene.points >= low).all(axis=1) & (scene.points <= high).all(axis=1)
        rows = np.flatnonzero(inside)
        points, colors = self._tensor(scene.points[rows]), self._tensor(scene.colors[rows])
        crops: dict[float, VoxelCrop] = {}
        for most in MOST_VOXELS:
            crop = self._run(partial(self._encode, points, colors, most), points=len(rows))
            crops[crop.voxel_size] = crop
        return EncodedBox(low, high, rows, tuple(crops.values()), len(scene))

    def _encode(self, points: Tensor, colors: Tensor, most: int) -> VoxelCrop:
        return self._compute.run(
            lambda: encode_crop(self._mini, points, colors, most_voxels=most),
            checked=lambda crop: crop.described,
            name="mini_clicks",
        )

    @torch.inference_mode()
    def refine(self, box: EncodedBox, rows: Int64, foreground: Bool, before: Float32) -> Float32:
        """(N,) probabilities of the voxels of the scene; zero outside of the box.

        Args:
            box: around the clicks.
            rows: (K,) int64 clicked voxels of the scene; -1, and others outside, are left out.
            foreground: (K,) bool.
            before: (N,) float32 probabilities that the newest clicks refine.

        Raises:
            BlockTooLargeError: the device has no memory for it.
            DeviceLostError: the GPU takes no more work from this process.
        """
        place = np.searchsorted(box.rows, rows).clip(max=len(box.rows) - 1)
        inside = box.rows[place] == rows
        clicked, on = self._tensor(place[inside]), self._tensor(foreground[inside])
        given = self._tensor(before[box.rows])[:, None]
        found = [
            self._run(partial(self._answer, crop, clicked, on, given), points=len(box.rows))
            for crop in box.crops
        ]
        probability = np.zeros(box.scene_size, np.float32)
        probability[box.rows] = torch.stack(found).mean(dim=0).cpu().numpy()
        return probability

    def _answer(self, crop: VoxelCrop, clicked: Tensor, on: Tensor, before: Tensor) -> Tensor:
        """(C,) probabilities of the voxels of the scene that a crop was made of."""
        previous = mean_by_row(before, crop.rows, len(crop.points))[:, 0]
        clicks = VoxelClicks(crop.rows[clicked], on, previous)
        logits = self._compute.run(
            lambda: self._head(self._mini, crop, clicks),
            checked=lambda logits: logits,
            name="mini_clicks",
        )
        return logits.float().sigmoid()[crop.rows]

    def _run(self, network: Callable[[], T], *, points: int) -> T:
        return run_on_device(self.device, network, points=points)

    def _tensor(self, array: Any) -> Tensor:
        return torch.from_numpy(array).to(self._compute.device)
