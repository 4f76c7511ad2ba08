"""The network of `mini`: a small open-vocabulary mask transformer for laptops.

A sparse U-Net looks at the room once (`encode`): at colours, where there are any, at heights and
at the local shape of surfaces. Every voxel tells whether it belongs to an object or to the
structure of the room (floor, wall, ceiling), and votes for the center of its object and how large
that is, after Jiang et al., "PointGroup" (2020). Queries are not learned: each is placed on a
voxel of an object, its seed, and has to find the object that this voxel belongs to (`decode`). So
each query knows its target without matching, and a room with more objects gets more queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from seg3d_ros.compute import full_precision
from seg3d_ros.networks.batch import SceneBatch
from seg3d_ros.networks.kinds import OBJECT, STRUCTURE
from seg3d_ros.networks.mini.decoder import DecodedQueries, QueryDecoder, SceneFeatures, Votes
from seg3d_ros.networks.mini.inputs import INPUT_CHANNELS, INSIDE, voxel_inputs
from seg3d_ros.networks.mini.local_shape import floor_levels
from seg3d_ros.networks.mini.mask_reader import MaskMembers, MaskReader, Readings
from seg3d_ros.networks.mini.seeds import seeds_on_instances
from seg3d_ros.networks.minkunet import MinkUNet
from seg3d_ros.sparse.grid import VoxelGrid
from seg3d_ros.sparse.kernel_map import kernel_offsets, submanifold_map
from seg3d_ros.sparse.quarter_turns import turned, turned_back, with_turned_kernels
from seg3d_ros.sparse.tensor import SparseTensor
from seg3d_ros.sparse.voxelize import Voxelized, voxelize

_FEWEST = 3  # voxels of a mask that training reads
_MOST = 240  # masks of a scene that training reads
_BACKGROUND_SEEDS = 8  # queries that training places where no object is
_FACES = [i for i, step in enumerate(kernel_offsets(3)) if sum(map(abs, step)) == 1]


@dataclass(frozen=True, eq=False)
class MiniOutput:
    """Outputs of a training batch.

    Attributes:
        rows: (P,) int64, the voxel of each point, counted over the whole batch.
        points: for each scene a point of the batch for each of its N voxels, (N,) int64.
        scenes: features of each scene.
        seeds: (Q,) int64 for each scene, voxels that the queries were placed on; the last ones may
            lie where no object is.
        queries: what those of each scene have found.
        masks: (Q, N) mask logits of each scene's queries.
        candidates: (M, N) bool masks of each scene that were read: those of its queries, segments
            found by geometry, and its instances as they are ...
        readings: ... and what was read in them.
        structure_meanings: (3, D) unit vectors of `STRUCTURE`.
    """

    rows: Tensor
    points: list[Tensor]
    scenes: list[SceneFeatures]
    seeds: list[Tensor]
    queries: list[DecodedQueries]
    masks: list[Tensor]
    candidates: list[Tensor]
    readings: list[Readings]
    structure_meanings: Tensor


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
        self.structure = nn.Sequential(
            nn.Linear(fine, fine), nn.ReLU(), nn.Linear(fine, 1 + len(STRUCTURE))
        )
        self.structure_embeddings = nn.Parameter(torch.randn(len(STRUCTURE), embedding_dim))
        self.mask_features = nn.Linear(fine, mask_channels)
        levels = planes[6:3:-1]
        self.decoder = QueryDecoder(
            fine=fine, levels=levels, mask_channels=mask_channels, width=width, layers=layers
        )
        self.reader = MaskReader(fine=fine, described=sum(levels), embedding_dim=embedding_dim)

    @property
    def structure_meanings(self) -> Tensor:
        """(3, D) unit vectors: what floor, wall and ceiling mean."""
        return normalize(self.structure_embeddings, dim=1)

    def forward(self, batch: SceneBatch) -> MiniOutput:
        """Encode a batch and decode queries on seeds that lie on its known instances.

        Labelled points of no instance are taken for the structure of the room.
        """
        rows, scenes = self.encode(batch.points, batch.colors, sizes=batch.sizes)
        sizes = [len(scene) for scene in scenes]
        point = rows.new_empty(sum(sizes))
        point[rows] = torch.arange(len(rows), device=rows.device)  # any of a voxel's points
        points = list(torch.split(point, sizes))
        ids = [batch.instance[rows_of_scene] for rows_of_scene in points]
        seeds = [self._seeds(*parts, batch) for parts in zip(scenes, points, ids, strict=True)]
        queries = [self.decoder(*pair) for pair in zip(scenes, seeds, strict=True)]
        masks = [self.decoder.masks(*pair) for pair in zip(scenes, queries, strict=True)]
        candidates = [
            _candidates(found, instance, None if batch.segments is None else batch.segments[of])
            for found, instance, of in zip(masks, ids, points, strict=True)
        ]
        readings = [
            self.reader(scene, MaskMembers.of(masks_of_scene))
            for scene, masks_of_scene in zip(scenes, candidates, strict=True)
        ]
        return MiniOutput(
            rows, points, scenes, seeds, queries, masks, candidates, readings,
            self.structure_meanings,
        )  # fmt: skip

    def _seeds(
        self, scene: SceneFeatures, points: Tensor, instance: Tensor, batch: SceneBatch
    ) -> Tensor:
        """Seeds on every instance, and a few where the network wrongly sees objects."""
        on_objects = seeds_on_instances(instance, each=self.seeds_per_instance)
        background = (instance < 0) & (batch.segment[points] >= 0)
        rows = background.nonzero()[:, 0]
        if not len(rows) or not len(on_objects):
            return on_objects
        doubt = scene.structure[rows].detach().float().softmax(dim=1)[:, OBJECT] + 1e-3
        drawn = torch.multinomial(doubt, _BACKGROUND_SEEDS, replacement=True)
        return torch.cat([on_objects, rows[drawn]])

    def encode(
        self, points: Tensor, colors: Tensor, *, sizes: tuple[int, ...] | None = None
    ) -> tuple[Tensor, list[SceneFeatures]]:
        """Encode a batch: all features that don't depend on the queries.

        Args:
            points: (P, 3) float32 metres, the scenes of the batch one after another.
            colors: (P, 3) float32 RGB in [0, 1].
            sizes: points of each scene; one scene if not given.

        Returns:
            (P,) int64 voxel of each point, counted over the whole batch, and each scene's
            features; its points stand on a floor at half a voxel.
        """
        found = self.voxelize(points, colors, sizes=sizes)
        return found.rows, self.look(found.voxels)

    def voxelize(
        self, points: Tensor, colors: Tensor, *, sizes: tuple[int, ...] | None = None
    ) -> Voxelized:
        """Mean points, on a floor at half a voxel, and mean colours; arguments as in `encode`."""
        floors = floor_levels(points[:, 2], sizes or (len(points),))
        # The floor runs through the middle of its voxels, not along their faces.
        placed = points.clone()
        placed[:, 2] -= floors - self.voxel_size / 2
        features = torch.cat([placed, colors], dim=1)
        return voxelize(placed, features, voxel_size=self.voxel_size, sizes=sizes)

    def look(self, voxels: SparseTensor, views: Sequence[MinkUNet] = ()) -> list[SceneFeatures]:
        """Features of each scene.

        Args:
            voxels: of `voxelize`.
            views: the backbone with turned kernels, see `turned_views`; features are the means of
                what it sees from all sides.
        """
        grid = voxels.grid
        mean, color = voxels.features.chunk(2, dim=1)
        x = voxels.with_features(voxel_inputs(grid, mean, color, voxel_size=self.voxel_size))
        seen = [
            self._from_side(backbone, x, view)
            for view, backbone in enumerate([self.backbone, *views])
        ]
        levels = [
            same[0].with_features(_mean([level.features for level in same]))
            for same in zip(*(levels for levels, _ in seen), strict=True)
        ]
        fine = levels[-1].features
        with full_precision(fine.device):
            masks, structure = self.mask_features(fine), self.structure(fine)
        voted = _mean([votes for _, votes in seen])
        votes = Votes(mean + voted[:, :3], voted[:, 3])
        taps = submanifold_map(grid, 3).table[_FACES]
        return _split(mean, votes, masks, structure, levels, taps)

    def _from_side(
        self, backbone: MinkUNet, x: SparseTensor, view: int
    ) -> tuple[list[SparseTensor], Tensor]:
        """Levels of a turned backbone, and its (N, 4) votes as without the turn."""
        features = x.features.clone()
        features[:, INSIDE] = turned(features[:, INSIDE], view)
        levels = backbone.decode(x.with_features(features))
        levels = [level.with_features(level.features.float()) for level in levels]
        with full_precision(features.device):
            shifts, log_radii = self.votes(levels[-1].features).split((3, 1), dim=1)
        return levels, torch.cat([turned_back(shifts, view), log_radii], dim=1)

    def turned_views(self, count: int) -> tuple[MinkUNet, ...]:
        """The backbone as it would see a scene from `count` - 1 other sides."""
        return tuple(with_turned_kernels(self.backbone, view) for view in range(1, count))


def _mean(views: list[Tensor]) -> Tensor:
    return views[0] if len(views) == 1 else torch.stack(views).mean(dim=0)


def _candidates(masks: Tensor, instance: Tensor, segments: Tensor | None) -> Tensor:
    """(M, N) bool masks for training to read, some of them where there are many.

    Args:
        masks: (Q, N) logits of the queries.
        instance: (N,) true instance of each voxel, negative for none.
        segments: (N, K) geometric segment of each voxel in K decompositions, -1 for none.
    """
    found = [masks.detach() > 0, _one_hot(instance)]
    if segments is not None:
        found += [_one_hot(column) for column in segments.unbind(1)]
    candidates = torch.cat(found)
    candidates = candidates[candidates.sum(dim=1) >= _FEWEST]
    return candidates[torch.randperm(len(candidates), device=masks.device)[:_MOST]]


def _one_hot(ids: Tensor) -> Tensor:
    """(M, N) bool, a row for each id that is not negative."""
    known = torch.unique(ids)
    return ids == known[known >= 0, None]


def _split(
    points: Tensor,
    votes: Votes,
    masks: Tensor,
    structure: Tensor,
    levels: list[SparseTensor],
    neighbors: Tensor,
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
                structure=structure[a],
                fine=fine.features[a],
                levels=(one.features[b], two.features[c], three.features[d]),
                parents=(
                    parents[0][a] - b.start, parents[1][b] - c.start, parents[2][c] - d.start
                ),
                neighbors=(neighbors[:, a].long() - a.start).clamp(min=-1),
            )
        )  # fmt: skip
    return scenes


def _spans(grid: VoxelGrid) -> list[slice]:
    """Rows of each scene; all grids here have their rows sorted by scene."""
    ends = accumulate(grid.scene_sizes, initial=0)
    return [slice(start, stop) for start, stop in pairwise(ends)]
