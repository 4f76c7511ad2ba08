"""Batches of labelled scenes for training."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class SceneBatch:
    """Labelled points of several scenes, one scene after the other; P points in all.

    Attributes:
        points: (P, 3) float32, metres, z up.
        colors: (P, 3) float32 RGB in [0, 1].
        normals: (P, 3) float32 unit vectors; zero where unknown.
        segment: (P,) int64 class of each point, -1 where it is not labelled.
        instance: (P,) int64 instance of each point, counted anew in each scene; -1 for none.
        sizes: points of each scene.
        names: of the scenes.
        segments: (P, K) int64 segment of each point in K decompositions by geometry, -1 for none;
            None: not made.
        superpoint: (P,) int64 superpoint of each point, anew in each scene; None: not read.
        bent: (P, 3) float32 where the grid of voxels sees the points, metres; None: where they
            are.
        share: (P,) float32 how much of each point's instance its crop holds; None: all of it.
    """

    points: Tensor
    colors: Tensor
    normals: Tensor
    segment: Tensor
    instance: Tensor
    sizes: tuple[int, ...]
    names: tuple[str, ...]
    share: Tensor | None = None
    segments: Tensor | None = None
    superpoint: Tensor | None = None
    bent: Tensor | None = None

    def __len__(self) -> int:
        return len(self.sizes)

    def to(self, device: torch.device | str) -> SceneBatch:
        """Copy on another device; from pinned memory it runs beside the host."""
        return self._with_tensors(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> SceneBatch:
        """Copy in pinned memory; `DataLoader` calls it."""
        return self._with_tensors(Tensor.pin_memory)

    def _with_tensors(self, change: Callable[[Tensor], Tensor]) -> SceneBatch:
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        changed: dict[str, Any] = {
            name: change(value) for name, value in values.items() if isinstance(value, Tensor)
        }
        return dataclasses.replace(self, **changed)
