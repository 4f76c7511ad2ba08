"""LaSSM: a sparse U-Net, means over superpoints, and a query decoder with state-space layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag

from seg3d_ros.errors import InputError
from seg3d_ros.networks.batch import SceneBatch
from seg3d_ros.networks.lassm.decoder import Decoded, LassmDecoder, Superpoints
from seg3d_ros.networks.lassm.inputs import InputConfig, LassmInput, prepare_input
from seg3d_ros.sparse.grid import VoxelGrid
from seg3d_ros.sparse.tensor import SparseTensor


class Backbone(Protocol):
    """Network from voxels to features of voxels."""

    out_channels: int

    def __call__(self, x: SparseTensor) -> Tensor:
        """(V, C_in) -> (V, out_channels)."""
        ...


@dataclass(frozen=True, eq=False)
class DecodedScene:
    """Readings for one scene of a batch.

    Attributes:
        decoded: of its queries.
        superpoint_of: (P,) int64 superpoint of each point.
        centers: (S, 3) float32 of the superpoints, metres.
    """

    decoded: Decoded
    superpoint_of: Tensor
    centers: Tensor


class LaSSM(nn.Module):
    """Instances as sets of superpoints.

    Args:
        backbone: a module that gives every voxel a feature.
        decoder: of the superpoints.
        input_config: what the weights were trained to see.
    """

    def __init__(
        self, backbone: Backbone, decoder: LassmDecoder, input_config: InputConfig
    ) -> None:
        super().__init__()
        self.backbone: Backbone = backbone
        self.decoder = decoder
        self.input_config = input_config

    def forward(self, batch: SceneBatch) -> list[DecodedScene]:
        """Readings for each scene of a batch with superpoints.

        Scenes are not turned as for inference: training turns them at random.

        Raises:
            InputError: the batch has no superpoints.
        """
        config = replace(self.input_config, turn=0.0)
        scenes = [self._prepare(batch, part, config) for part in _parts(batch.sizes)]
        coordinates = [scene.voxels.grid.coordinates.clone() for scene in scenes]
        for number, own in enumerate(coordinates):
            own[:, 0] = number
        features = self.backbone(
            SparseTensor(
                VoxelGrid(torch.cat(coordinates), len(scenes)),
                torch.cat([scene.voxels.features for scene in scenes]),
            )
        )
        split = torch.split(features, [len(own) for own in coordinates])
        return [
            DecodedScene(self.decoder(pooled), scene.superpoint_of, pooled.centers)
            for scene, pooled in zip(scenes, map(pool_superpoints, scenes, split), strict=True)
        ]

    def _prepare(self, batch: SceneBatch, part: slice, config: InputConfig) -> LassmInput:
        points, colors = batch.points[part], batch.colors[part]
        if batch.superpoint is None:
            raise InputError("LaSSM needs superpoints; load them with data.superpoints=true")
        prepared = prepare_input(
            points.cpu().numpy(),
            colors.cpu().numpy(),
            batch.superpoint[part].cpu().numpy(),
            config,
            bent=None if batch.bent is None else batch.bent[part].cpu().numpy(),
        )
        return prepared.to(points.device)

    def predict(self, scene: LassmInput) -> Decoded:
        """Readings of the queries of one scene."""
        return self.decode(scene, self.backbone(scene.voxels))

    def decode(self, scene: LassmInput, features: Tensor) -> Decoded:
        """Readings of the queries from the (V, C) features of the backbone."""
        decoded: Decoded = self.decoder(pool_superpoints(scene, features))
        return decoded


def _parts(sizes: Sequence[int]) -> Iterator[slice]:
    """Rows of each scene."""
    start = 0
    for size in sizes:
        yield slice(start, start + size)
        start += size


def pool_superpoints(scene: LassmInput, features: Tensor) -> Superpoints:
    """Means over the points of each superpoint, of the features and positions of their voxels."""
    order = scene.superpoint_of.argsort(stable=True)
    sizes = torch.bincount(scene.superpoint_of)
    starts = sizes.cumsum(0) - sizes
    rows = scene.voxel_of[order]

    def mean(values: Tensor) -> Tensor:
        return embedding_bag(rows, values, starts, mode="mean")

    return Superpoints(mean(features), mean(scene.positions))
