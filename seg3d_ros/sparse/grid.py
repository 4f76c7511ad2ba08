"""Coordinates of the voxels of a batch of scenes, and the tables that follow from them.

Everything that depends on the coordinates alone (sorted keys, kernel maps, coarser grids,
attention groups) is made once per grid and kept on it, so that all layers of a level share it.

Keys here are tensors and hold the scene's number beside 18 bits an axis; those of a map
(`voxel_keys.py`) are of one scene and reach eight times as far.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor

AXIS_BITS = 18
AXIS_LIMIT = 1 << (AXIS_BITS - 1)
MARGIN = 8  # voxels kept free at the border, so that a kernel never steps out of a key's range
COORDINATE_LIMIT = AXIS_LIMIT - MARGIN
MAX_SCENES = 1 << (63 - 3 * AXIS_BITS)

T = TypeVar("T")


def pack(coordinates: Tensor) -> Tensor:
    """Keys (…,) int64 of (…, 4) voxels `[scene, x, y, z]`, ordered by scene, then x, y, z."""
    scene, x, y, z = coordinates.long().unbind(-1)
    key = (scene << AXIS_BITS) | (x + AXIS_LIMIT)
    key = (key << AXIS_BITS) | (y + AXIS_LIMIT)
    return (key << AXIS_BITS) | (z + AXIS_LIMIT)


def unpack(keys: Tensor) -> Tensor:
    """Voxels (N, 4) int32 `[scene, x, y, z]` of (N,) keys."""
    mask = (1 << AXIS_BITS) - 1
    axes = [((keys >> shift) & mask) - AXIS_LIMIT for shift in (2 * AXIS_BITS, AXIS_BITS, 0)]
    return torch.stack([keys >> (3 * AXIS_BITS), *axes], dim=-1).int()


@dataclass(frozen=True, eq=False)
class VoxelGrid:
    """Occupied voxels of a batch of scenes at one resolution.

    Attributes:
        coordinates: (N, 4) int32 `[scene, x, y, z]`, unique rows in any order, in units of this
            grid's voxels; x, y and z below `COORDINATE_LIMIT` in magnitude.
        scenes: number of scenes in the batch; the last ones may be empty.
        stride: edge of these voxels in voxels of the finest grid.
    """

    coordinates: Tensor
    scenes: int = 1
    stride: int = 1
    _cache: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.coordinates.ndim != 2 or self.coordinates.shape[1] != 4:
            raise ValueError(
                f"coordinates have shape {tuple(self.coordinates.shape)}; "
                "expected (N, 4): scene, x, y, z"
            )
        if not 0 < self.scenes <= MAX_SCENES:
            raise ValueError(f"{self.scenes} scenes in a batch; give 1 to {MAX_SCENES}")

    def __len__(self) -> int:
        return len(self.coordinates)

    def cached(self, key: Hashable, build: Callable[[], T]) -> T:
        """Result of `build`, kept under `key` from the first time on."""
        if key not in self._cache:
            self._cache[key] = build()
        return self._cache[key]

    @property
    def sorted_keys(self) -> tuple[Tensor, Tensor]:
        """Ascending (N,) int64 keys and the (N,) int64 row of each."""

        def build() -> tuple[Tensor, Tensor]:
            keys, rows = torch.sort(pack(self.coordinates))
            return keys, rows

        return self.cached("sorted_keys", build)

    @property
    def minimum(self) -> Tensor:
        """Smallest (3,) int32 coordinates over the whole batch."""
        if not len(self):
            return self.coordinates.new_zeros(3)
        return self.cached("minimum", lambda: self.coordinates[:, 1:].amin(0))

    @property
    def scene_sizes(self) -> tuple[int, ...]:
        """Number of voxels of each scene; one transfer from the device unless there is one."""
        if self.scenes == 1:
            return (len(self),)
        return self.cached(
            "scene_sizes",
            lambda: tuple(
                torch.bincount(self.coordinates[:, 0].long(), minlength=self.scenes).tolist()
            ),
        )

    def coarser(self, factor: int = 2) -> tuple[VoxelGrid, Tensor]:
        """The grid of voxels `factor` times as large, and each voxel's row in it.

        Coordinates are divided rounding down, so negative ones keep their place. The number of
        rows depends on the data: this is the one step that waits for the device.

        Returns:
            The coarser grid with rows ascending by key, and (N,) int64 parent rows.
        """

        def build() -> tuple[VoxelGrid, Tensor]:
            parents = self.coordinates.clone()
            parents[:, 1:] = torch.div(parents[:, 1:], factor, rounding_mode="floor")
            keys, rows = torch.unique(pack(parents), return_inverse=True)
            return VoxelGrid(unpack(keys), self.scenes, self.stride * factor), rows

        return self.cached(("coarser", factor), build)
