"""From points to the voxels that LaSSM sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from seg3d_ros.errors import InputError
from seg3d_ros.scene import Float32, Int64
from seg3d_ros.sparse.grid import COORDINATE_LIMIT, VoxelGrid
from seg3d_ros.sparse.tensor import SparseTensor

_COLOR_MEAN = np.array([0.47793125906962, 0.4303257521323044, 0.3749598901421883], np.float32)
_COLOR_DEVIATION = np.array(
    [0.2834475483823543, 0.27566157565723015, 0.27018971370874995], np.float32
)


@dataclass(frozen=True)
class InputConfig:
    """Inputs that a released model was trained on.

    Attributes:
        voxel_size: metres.
        turn: of the scene about z, counter-clockwise, radians.
        grid_from: "corner": voxels begin at the lowest corner of the scene; "origin": at its
            mean.
        with_positions: whether positions are features beside the colours.
    """

    voxel_size: float = 0.02
    turn: float = 0.0
    grid_from: Literal["corner", "origin"] = "corner"
    with_positions: bool = True


@dataclass(frozen=True, eq=False)
class LassmInput:
    """One scene of P points and V voxels.

    Attributes:
        voxels: features of the voxels, on coordinates from 0 upwards.
        positions: (V, 3) float32 of the point that stands for each voxel, metres, in the frame of
            the network.
        voxel_of: (P,) int64 voxel of each point.
        superpoint_of: (P,) int64 superpoint of each point, every number up to the largest used.
    """

    voxels: SparseTensor
    positions: Tensor
    voxel_of: Tensor
    superpoint_of: Tensor

    def to(self, device: torch.device | str) -> LassmInput:
        """Copy on another device."""
        grid = VoxelGrid(self.voxels.grid.coordinates.to(device))
        return LassmInput(
            SparseTensor(grid, self.voxels.features.to(device)),
            self.positions.to(device),
            self.voxel_of.to(device),
            self.superpoint_of.to(device),
        )


def centered(points: Float32, turn: float = 0.0) -> Float32:
    """(P, 3) points less their mean, turned about z by `turn` radians."""
    moved = points - points.mean(axis=0, dtype=np.float64).astype(np.float32)
    if not turn:
        return moved
    c, s = np.cos(turn), np.sin(turn)
    turned: Float32 = (moved @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])).astype(np.float32)
    return turned


def voxel_cells(points: Float32, config: InputConfig) -> Int64:
    """Cells (P, 3) int64 of points in the frame of the network, from 0 upwards.

    Raises:
        InputError: a point is not finite, or the scene is too long.
    """
    scaled = points / np.float32(config.voxel_size)
    if config.grid_from == "corner":
        scaled -= scaled.min(axis=0)
    scaled = np.floor(scaled)
    scaled -= scaled.min(axis=0)
    if not (scaled < COORDINATE_LIMIT).all():
        raise InputError(
            f"points are not finite or lie more than {COORDINATE_LIMIT * config.voxel_size:.0f} m "
            "apart; remove them"
        )
    return scaled.astype(np.int64)


def prepare_input(
    points: Float32,
    colors: Float32,
    superpoint_of: Int64,
    config: InputConfig,
    *,
    bent: Float32 | None = None,
) -> LassmInput:
    """Voxels of a scene; the first point in each stands for it.

    Args:
        points: (P, 3) metres, z up, at least one.
        colors: (P, 3) RGB in [0, 1].
        superpoint_of: (P,) any integers.
        config: of the model.
        bent: (P, 3) where the grid sees the points, metres; None: where they are.

    Raises:
        InputError: a point is not finite, or the scene is too long.
    """
    frame = centered(points, config.turn)
    cells = voxel_cells(frame if bent is None else centered(bent, config.turn), config)
    keys = (cells[:, 0] << 42) | (cells[:, 1] << 21) | cells[:, 2]
    _, first, voxel_of = np.unique(keys, return_index=True, return_inverse=True)
    coordinates = np.concatenate([np.zeros((len(first), 1), np.int64), cells[first]], axis=1)
    return LassmInput(
        SparseTensor(
            VoxelGrid(torch.from_numpy(coordinates.astype(np.int32))),
            torch.from_numpy(voxel_features(colors[first], frame[first], config)),
        ),
        torch.from_numpy(frame[first]),
        torch.from_numpy(voxel_of.reshape(-1)),
        torch.from_numpy(np.unique(superpoint_of, return_inverse=True)[1].reshape(-1)),
    )


def voxel_features(colors: Float32, positions: Float32, config: InputConfig) -> Float32:
    """Features (V, 3 or 6) from (V, 3) colours in [0, 1] and positions in the network's frame."""
    if not config.with_positions:
        return ((colors - _COLOR_MEAN) / _COLOR_DEVIATION).astype(np.float32)
    return np.concatenate([colors * 2 - 1, positions], axis=1, dtype=np.float32)
