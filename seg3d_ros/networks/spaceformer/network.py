"""SpaCeFormer: open-vocabulary 3-D instances from coloured points, without proposals.

The network that NVIDIA released as chrischoy/SpaCeFormer on the Hugging Face hub. A backbone of
sparse convolutions and attention gives every point a feature; learned queries attend to the
points that their own masks select, and end up as instances, each with a mask and a vector in the
space of SigLIP2 text. Modules are named so that the released tensors fit as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from seg3d_ros.networks.checkpoint import load_strictly, read_state_dict
from seg3d_ros.networks.meta import without_weights
from seg3d_ros.networks.spaceformer.backbone import Backbone
from seg3d_ros.networks.spaceformer.config import RELEASED, SpaceformerConfig
from seg3d_ros.networks.spaceformer.decoder import (
    CrossAttention,
    FeedForward,
    PositionRotation,
    QueryProjection,
    SelfAttention,
    UnusedEncoding,
)
from seg3d_ros.sparse.voxelize import Voxelized, voxelize

CHECKPOINT_PREFIX = "net."  # what is not below it belongs to the training


@dataclass(frozen=True, eq=False)
class RawInstances:
    """Raw output for a batch of B scenes with Q queries each.

    Attributes:
        logits: (B, Q, 2) object or not.
        masks: for each scene (P, Q) mask logits of its points.
        clip_features: (B, Q, clip_dim) in the text space, not normalised.
        features: (R, C) features of the backbone, a row for every voxel, or for every point where
            points append their own.
        rows: (sum of P,) int64 row of each point.
        predicted_iou: (B, Q, 1) how well each mask fits; None where the network has no such head.
    """

    logits: Tensor
    masks: tuple[Tensor, ...]
    clip_features: Tensor
    features: Tensor
    rows: Tensor
    predicted_iou: Tensor | None

    @property
    def point_features(self) -> Tensor:
        """(sum of P, C) features of the points; made when asked for, because they are large."""
        return self.features[self.rows]


@dataclass(frozen=True, eq=False)
class _SceneKeys:
    """Keys and values that the queries of one scene attend to.

    Attributes:
        mask_features: (V, C) rows that masks are made from.
        rows: (P,) int64 which of them each point has.
        memory: projected keys and values of the points, two (H, P, D).
    """

    mask_features: Tensor
    rows: Tensor
    memory: tuple[Tensor, Tensor]

    def masks(self, embeddings: Tensor) -> Tensor:
        """(P, Q) mask logits of (Q, C) mask embeddings."""
        return (self.mask_features @ embeddings.t())[self.rows]


class PointBackbone(nn.Module):
    """A backbone behind voxelisation."""

    def __init__(self, config: SpaceformerConfig) -> None:
        super().__init__()
        self.inner_module = Backbone(config.backbone)

    def forward(self, voxelized: Voxelized, *, generator: torch.Generator | None) -> Tensor:
        """(V, C) features of the voxels."""
        return self.inner_module(voxelized.voxels, generator=generator).features


class Spaceformer(nn.Module):
    """SpaCeFormer: backbone and query decoder.

    Scenes of one batch share the origin of windows, curves and rotations, as they did when the
    released weights were evaluated; give one scene at a time if that is not wanted.
    """

    def __init__(self, config: SpaceformerConfig = RELEASED) -> None:
        super().__init__()
        self.config = config
        hidden, backbone = config.hidden_dim, config.backbone
        point_channels = backbone.out_channels
        if config.concat_unpooled_pc:
            point_channels += backbone.in_channels
        self.backbone = PointBackbone(config)
        self.decoder_proj = nn.Linear(point_channels, hidden)
        self.query_proj = QueryProjection(hidden)
        self.pos_enc = UnusedEncoding(hidden)
        self.decoder_norm = nn.LayerNorm(hidden)
        self.linear = nn.Linear(point_channels, hidden)
        self.cross_attention = CrossAttention(hidden, config.num_heads)
        self.self_attention = SelfAttention(hidden, config.num_heads)
        self.ffn = FeedForward(hidden, config.feedforward_dim)
        self.class_head = nn.Linear(hidden, 2)
        self.mask_head = nn.Sequential(
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, hidden)
        )
        self.clip_head = nn.Linear(hidden, config.clip_dim)
        self.learned_content = nn.Embedding(config.num_queries, hidden)
        self.learned_pos = nn.Embedding(config.num_queries, hidden)
        if config.use_iou_head:
            self.iou_head = _iou_head(hidden)
        self._rotate = PositionRotation(hidden, heads=config.num_heads, base=config.rope_base)

    def forward(
        self,
        points: Tensor,
        features: Tensor,
        *,
        sizes: tuple[int, ...] | None = None,
        num_queries: int | None = None,
        order_seed: int | None = 0,
    ) -> RawInstances:
        """Find instances.

        Args:
            points: (P, 3) float32 metres, the scenes one after another.
            features: (P, in_channels); RGB in [-1, 1] for the released network.
            sizes: number of points of each scene; one scene if not given.
            num_queries: instances to ask for; those the network was trained with if not given.
            order_seed: of the window offsets and curves, which are drawn anew in each call; the
                same seed gives the same result. None draws them from torch's own generators, as
                the reference does.

        Raises:
            ValueError: a scene is empty, or its points are not finite or too far away.
        """
        sizes = sizes or (len(points),)
        if min(sizes) < 1:
            raise ValueError(f"scene sizes are {sizes}; every scene needs at least one point")
        generator = None if order_seed is None else torch.Generator().manual_seed(order_seed)
        voxelized = voxelize(points, features, voxel_size=self.config.voxel_size, sizes=sizes)
        of_voxels = self.backbone(voxelized, generator=generator)
        source, rows = self._point_sources(voxelized, of_voxels, features)
        scenes = list(self._scene_keys(source, rows, points, sizes))
        queries = torch.stack([self._decode(scene, num_queries) for scene in scenes])
        embeddings = self.mask_head(queries)
        return RawInstances(
            self.class_head(queries),
            tuple(scene.masks(part) for scene, part in zip(scenes, embeddings, strict=True)),
            self.clip_head(queries),
            source,
            rows,
            self.iou_head(queries) if self.config.use_iou_head else None,
        )

    def _point_sources(
        self, voxelized: Voxelized, of_voxels: Tensor, features: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Distinct feature rows, and the row of each point: its voxel's where points share."""
        if not self.config.concat_unpooled_pc:
            return of_voxels, voxelized.rows
        own = torch.cat([voxelized.to_points(of_voxels), features.to(of_voxels.dtype)], dim=1)
        return own, torch.arange(len(own), device=own.device)

    def _scene_keys(
        self, source: Tensor, rows: Tensor, points: Tensor, sizes: tuple[int, ...]
    ) -> Iterator[_SceneKeys]:
        mask_features, keys = self.decoder_proj(source), self.linear(source)
        positions = points - points.amin(0) + 1
        scenes = (torch.split(part, list(sizes)) for part in (rows, positions))
        for own, own_positions in zip(*scenes, strict=True):
            # The rotated keys are the values as well; the weights were trained like that.
            memory = self.cross_attention.keys_and_values(self._rotate(keys[own], own_positions))
            yield _SceneKeys(mask_features, own, memory)

    def _decode(self, scene: _SceneKeys, num_queries: int | None) -> Tensor:
        """Normalised queries (Q, C) after all iterations; each goes through the same layers."""
        count = self.config.num_queries
        ids = torch.arange(num_queries or count, device=scene.rows.device) % count
        q = self.learned_content(ids) + self.query_proj(self.learned_pos(ids))
        origin = q.new_ones(1, 3, dtype=torch.float32)
        for _ in range(self.config.decoder_iterations):
            inside = scene.masks(self.mask_head(self.decoder_norm(q))).t() >= 0
            allowed = inside | ~inside.any(1, keepdim=True)  # an empty mask sees everything
            q = self.cross_attention(self._rotate(q, origin), scene.memory, allowed)
            q = self.self_attention(self._rotate(q, origin))
            q = self.ffn(q)
        return self.decoder_norm(q)


def _iou_head(hidden: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(hidden, hidden),
        nn.GELU(),
        nn.Linear(hidden, hidden),
        nn.GELU(),
        nn.Linear(hidden, 1),
    )


def load_spaceformer(path: str | Path, *, config: SpaceformerConfig = RELEASED) -> Spaceformer:
    """The network with the weights of a released checkpoint, ready for inference on the CPU.

    Args:
        path: a Lightning checkpoint; tensors below "net." are the network's.
        config: sizes of the network in it.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: the file holds something else; names what is missing, extra or of
            another shape.
    """
    state = read_state_dict(path, prefix=CHECKPOINT_PREFIX)
    with without_weights():
        network = Spaceformer(config)
    load_strictly(network, state, source=str(path))
    return network.eval()
