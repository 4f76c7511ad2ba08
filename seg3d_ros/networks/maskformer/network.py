"""MaskFormer for points: a closed set of classes, one mask and one class for each query.

Cheng et al., "Per-Pixel Classification is Not All You Need for Semantic Segmentation" (2021),
with the layers of WarpConvNet's 3-D example, whose weights fit as they are. A backbone gives
every voxel a feature; learned queries attend to each other and to all points of their scene; what
they end up as is compared with the voxels to make masks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seg3d_ros.networks.batch import SceneBatch
from seg3d_ros.networks.maskformer.mask_transformer import MaskTransformer, SceneMemory
from seg3d_ros.networks.spaceformer.backbone import Head
from seg3d_ros.sparse.voxelize import voxelize


@dataclass(frozen=True, eq=False)
class MaskFormerOutput:
    """Predictions for B scenes with Q queries each.

    Attributes:
        logits: (B, Q, C + 1) of the classes; the last one means "no object".
        masks: (Q, P) mask logits of the points of each scene.
        early: what the queries said after each decoder layer but the last; empty unless the
            network was asked for it.
    """

    logits: Tensor
    masks: tuple[Tensor, ...]
    early: tuple[MaskFormerOutput, ...] = ()


class PointToVoxel(nn.Module):
    """Backbone of voxels, given points.

    Args:
        inner_module: `SparseTensor` -> `SparseTensor` on the same voxels.
        voxel_size: metres.
    """

    def __init__(self, inner_module: nn.Module, *, voxel_size: float) -> None:
        super().__init__()
        self.inner_module = inner_module
        self.voxel_size = voxel_size

    def forward(
        self, points: Tensor, features: Tensor, *, sizes: tuple[int, ...]
    ) -> Iterator[SceneMemory]:
        """Yield the voxel features of each scene; arguments as those of `voxelize`."""
        found = voxelize(points, features, voxel_size=self.voxel_size, sizes=sizes)
        counts = list(found.voxels.grid.scene_sizes)
        of_voxels = torch.split(self.inner_module(found.voxels).features, counts)
        of_points = (torch.split(part, list(sizes)) for part in (points, found.rows))
        first = 0  # rows ascend by scene
        for own, places, rows in zip(of_voxels, *of_points, strict=True):
            yield SceneMemory(own, places, rows - first)
            first += len(own)


class MaskFormer(nn.Module):
    """MaskFormer: backbone and mask transformer.

    Args:
        backbone: features of voxels from colours, `hidden_dim` of them for each: a `MinkUNet`, or
            the `Backbone` of SpaCeFormer.
        num_classes: C, without "no object".
        backbone_voxel_size: metres.
        hidden_dim: width of queries and mask features.
        num_queries: most instances that can be found in a scene.
        num_heads: of all attention.
        num_decoders: layers of the transformer.
        dim_feedforward: hidden width of its feed-forward parts.
        dropout: in its self-attention and feed-forward parts.
        deep_supervision: give the predictions of all layers while training.
    """

    def __init__(
        self,
        backbone: nn.Module,
        *,
        num_classes: int,
        backbone_voxel_size: float = 0.02,
        hidden_dim: int = 96,
        num_queries: int = 100,
        num_heads: int = 8,
        num_decoders: int = 6,
        dim_feedforward: int = 256,
        dropout: float = 0.1,
        deep_supervision: bool = False,
    ) -> None:
        super().__init__()
        self.deep_supervision = deep_supervision
        self.backbone = PointToVoxel(backbone, voxel_size=backbone_voxel_size)
        self.mask_features_head = Head(hidden_dim, hidden_dim)
        self.mask_transformer = MaskTransformer(
            hidden_dim, num_queries=num_queries, num_layers=num_decoders, num_heads=num_heads,
            feedforward=dim_feedforward, dropout=dropout,
        )  # fmt: skip
        self.class_head = nn.Linear(hidden_dim, num_classes + 1)

    def forward(self, batch: SceneBatch) -> MaskFormerOutput:
        """Predict for a batch; its labels are not looked at."""
        return self.predict(batch.points, batch.colors, sizes=batch.sizes)

    def predict(
        self, points: Tensor, colors: Tensor, *, sizes: tuple[int, ...] | None = None
    ) -> MaskFormerOutput:
        """Predict for points without labels.

        Args:
            points: (P, 3) float32 metres, the scenes one after another.
            colors: (P, 3) float32 RGB in [0, 1].
            sizes: points of each scene; one scene if not given.

        Raises:
            ValueError: points are not finite or too far away.
        """
        scenes = list(self.backbone(points, colors, sizes=sizes or (len(points),)))
        layers = self.mask_transformer(scenes)
        mask_features = [self.mask_features_head(scene.features) for scene in scenes]
        wanted = layers if self.deep_supervision and self.training else layers[-1:]
        *early, last = (self._heads(queries, mask_features, scenes) for queries in wanted)
        return MaskFormerOutput(last.logits, last.masks, tuple(early))

    def _heads(
        self, queries: Tensor, mask_features: list[Tensor], scenes: list[SceneMemory]
    ) -> MaskFormerOutput:
        masks = (
            scene.to_points(features @ own.t()).t()
            for own, features, scene in zip(queries, mask_features, scenes, strict=True)
        )
        return MaskFormerOutput(self.class_head(queries), tuple(masks))


def class_probabilities(logits: Tensor) -> Tensor:
    """(…, C + 1) logits -> (…, C) probabilities, which sum up to one with that of "no object"."""
    return logits.float().softmax(dim=-1)[..., :-1]


def decode_instances(
    logits: Tensor, masks: Tensor, *, min_score: float = 0.5, mask_threshold: float = 0.0
) -> Tensor:
    """The one query that each point of a scene belongs to.

    Args:
        logits: (Q, C + 1).
        masks: (Q, P) mask logits.
        min_score: probability of its best class that a query needs more than.
        mask_threshold: mask logit that a point needs more than.

    Returns:
        (P,) int64 query with the largest product of mask logit and score; -1 for none.
    """
    scores = class_probabilities(logits).amax(dim=1)
    return claim_points(scores, masks, min_score=min_score, mask_threshold=mask_threshold)


def claim_points(
    scores: Tensor, masks: Tensor, *, min_score: float, mask_threshold: float
) -> Tensor:
    """As `decode_instances`, with the (Q,) score of each query."""
    kept = (scores > min_score).nonzero()[:, 0]
    if not len(kept):
        return torch.full_like(masks[0], -1, dtype=torch.int64)
    best = (masks[kept] * scores[kept, None]).argmax(dim=0)
    inside = masks[kept].gather(0, best[None])[0] > mask_threshold
    return torch.where(inside, kept[best], -1)
