"""The network of `mini`: a small open-vocabulary mask transformer for laptops.

A sparse U-Net looks at the room once (`encode`). Every voxel also says where the middle of its
object is and how large that is, after Jiang et al., "PointGroup" (2020). Queries are not learned:
each is placed on a voxel of the scene, its seed, and has to find the object that this voxel
belongs to (`decode`). So each query knows its target without matching, and a room with more
objects gets more queries.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise

import torch
from torch import Tensor, nn

from seg3d_ros.networks.batch import SceneBatch
from seg3d_ros.networks.mini_decoder import Queries, QueryDecoder, SceneFeatures, Votes
from seg3d_ros.networks.minkunet import MinkUNet
from seg3d_ros.networks.seeds import seeds_on_instances
from seg3d_ros.sparse.grid import VoxelGrid
from seg3d_ros.sparse.tensor import SparseTensor
from seg3d_ros.sparse.voxelize import voxelize

INPUT_CHANNELS = 7  # colour, one, place of the points' mean in the voxel
_SAMPLES = 8  # voxels of each instance whose meaning training reads


@dataclass(frozen=True, eq=False)
class MiniOutput:
    """What training needs of a batch.

    Attributes:
        rows: (P,) int64, the voxel of each point, counted over the whole batch.
        points: for each scene a point of the batch for each of its N voxels, (N,) int64.
        scenes: features of each scene.
        seeds: (Q,) int64 for each scene, voxels that the queries were placed on.
        queries: what those of each scene have found.
        masks: (Q, N) mask logits of each scene's queries.
        samples: voxels of each scene whose own meaning was read, (S,) int64 ...
        meanings: ... and what they mean, (S, D) unit vectors.
    """

    rows: Tensor
    points: list[Tensor]
    scenes: list[SceneFeatures]
    seeds: list[Tensor]
    queries: list[Queries]
    masks: list[Tensor]
    samples: list[Tensor]
    meanings: list[Tensor]


class Mini(nn.Module):
    """U-Net, voting voxels, and queries on seeds.

    Args:
        voxel_size: edge of the finest voxels, metres.
        planes: channels of the U-Net's four levels down and four up.
        mask_channels: length of the vectors whose products are the masks.
        width: of the queries.
        layers: of the query decoder.
        embedding_dim: of the text space.
        seeds_per_instance: queries that training places on each object.
    """

    def __init__(
        self,
        *,
        voxel_size: float = 0.04,
        planes: tuple[int, ...] = (32, 64, 96, 128, 96, 64, 48, 32),
        mask_channels: int = 32,
        width: int = 128,
        layers: int = 2,
        embedding_dim: int = 384,
        seeds_per_instance: int = 2,
    ) -> None:
        super().__init__()
        self.voxel_size = voxel_size
        self.seeds_per_instance = seeds_per_instance
        fine = planes[7]
        self.backbone = MinkUNet(
            INPUT_CHANNELS, None, planes=planes, layers=(1,) * 8,
            init_dim=planes[0], init_kernel_size=3,
        )  # fmt: skip
        self.votes = nn.Sequential(nn.Linear(fine, fine), nn.ReLU(), nn.Linear(fine, 4))
        self.mask_features = nn.Linear(fine, mask_channels)
        self.decoder = QueryDecoder(
            fine=fine, levels=tuple(planes[6:3:-1]), mask_channels=mask_channels,
            width=width, layers=layers, embedding_dim=embedding_dim,
        )  # fmt: skip

    def forward(self, batch: SceneBatch) -> MiniOutput:
        """Encode a batch and decode queries on seeds that lie on its known instances."""
        rows, scenes = self.encode(batch.points, batch.colors, sizes=batch.sizes)
        sizes = [len(scene) for scene in scenes]
        point = rows.new_empty(sum(sizes))
        point[rows] = torch.arange(len(rows), device=rows.device)  # any of a voxel's points
        points = list(torch.split(point, sizes))
        ids = [batch.instance[rows_of_scene] for rows_of_scene in points]
        seeds = [seeds_on_instances(i, each=self.seeds_per_instance) for i in ids]
        samples = [seeds_on_instances(i, each=_SAMPLES) for i in ids]
        queries = [self.decoder(*pair) for pair in zip(scenes, seeds, strict=True)]
        masks = [self.decoder.masks(*pair) for pair in zip(scenes, queries, strict=True)]
        meanings = [self.decoder.meaning_at(*pair) for pair in zip(scenes, samples, strict=True)]
        return MiniOutput(rows, points, scenes, seeds, queries, masks, samples, meanings)

    def encode(
        self, points: Tensor, colors: Tensor, *, sizes: tuple[int, ...] | None = None
    ) -> tuple[Tensor, list[SceneFeatures]]:
        """Everything that doesn't depend on the queries.

        Args:
            points: (P, 3) float32 metres, the scenes of the batch one after another.
            colors: (P, 3) float32 RGB in [0, 1].
            sizes: points of each scene; one scene if not given.

        Returns:
            (P,) int64 voxel of each point, counted over the whole batch, and each scene's
            features.
        """
        found = voxelize(
            points, torch.cat([points, colors], dim=1), voxel_size=self.voxel_size, sizes=sizes
        )
        mean, color = found.voxels.features.chunk(2, dim=1)
        inside = mean / self.voxel_size - found.voxels.grid.coordinates[:, 1:] - 0.5
        x = torch.cat([color * 2 - 1, torch.ones_like(mean[:, :1]), inside], dim=1)
        levels = self.backbone.decode(SparseTensor(found.voxels.grid, x))
        fine = levels[-1]
        shifts, log_radii = self.votes(fine.features).split((3, 1), dim=1)
        votes = Votes(mean + shifts, log_radii[:, 0])
        masks = self.mask_features(fine.features)
        return found.rows, _split(mean, votes, masks, levels)


def _split(
    points: Tensor, votes: Votes, masks: Tensor, levels: list[SparseTensor]
) -> list[SceneFeatures]:
    """Cut the levels, coarse to fine, into scenes."""
    three, two, one, fine = levels
    parents = [level.grid.coarser(2)[1] for level in (fine, one, two)]
    spans = [_spans(level.grid) for level in (fine, one, two, three)]
    scenes = []
    for a, b, c, d in zip(*spans, strict=True):
        scenes.append(
            SceneFeatures(
                points=points[a],
                votes=Votes(votes.middles[a], votes.log_radii[a]),
                masks=masks[a],
                fine=fine.features[a],
                levels=(one.features[b], two.features[c], three.features[d]),
                parents=(
                    parents[0][a] - b.start, parents[1][b] - c.start, parents[2][c] - d.start
                ),
            )
        )  # fmt: skip
    return scenes


def _spans(grid: VoxelGrid) -> list[slice]:
    """Rows of each scene; all grids here have their rows sorted by scene."""
    ends = accumulate(grid.scene_sizes, initial=0)
    return [slice(start, stop) for start, stop in pairwise(ends)]
