"""Labels of the points of one view: fused features, mixed with CLIP's opinion of the masks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seg3d_ros.networks.xmask3d.classes import OpenClasses
from seg3d_ros.networks.xmask3d.view_masks import ViewMasks


@dataclass(frozen=True, eq=False)
class FusedPoints:
    """Features of P points.

    Attributes:
        features: (P, D) in the space of CLIP.
        from_masks: (P, D) embedding of the mask that covers a point, zero where none does.
        mask_of: (P,) int64 mask of each point, -1 for none.
    """

    features: Tensor
    from_masks: Tensor
    mask_of: Tensor


def fuse(points: Tensor, masks: ViewMasks, embeddings: Tensor, fuser: nn.Module) -> FusedPoints:
    """Join the features of points with those of their masks.

    Args:
        points: (P, D) features of the point branch.
        masks: of the view.
        embeddings: (Q, D) of the queries.
        fuser: (2 D) -> D; the mask comes first.
    """
    covered = masks.masks.any(0)
    mask_of = torch.full_like(covered, -1, dtype=torch.int64)
    fused, from_masks = points.clone(), torch.zeros_like(points)
    if len(masks.queries):
        mask_of = torch.where(covered, masks.masks.int().argmax(0), mask_of)
        from_masks[covered] = embeddings[masks.queries][mask_of[covered]]
        fused[covered] = fuser(torch.cat([from_masks[covered], points[covered]], 1))
    return FusedPoints(fused, from_masks, mask_of)


def label_points(
    fused: FusedPoints,
    is_base: Tensor,
    mask_clip: Tensor,
    classes: OpenClasses,
    scale: float | Tensor,
) -> Tensor:
    """(P,) int64 class of each point.

    Points under a mask mix their own probabilities with those of CLIP for the mask, as a
    geometric mean.

    Args:
        fused: features of the points.
        is_base: (P,) bool, points of classes that were trained on.
        mask_clip: (M, D) embedding of CLIP of each mask.
        classes: K classes.
        scale: factor of the cosines.
    """
    logits = classes.similarities(fused.features, scale).log_softmax(1)
    covered = fused.mask_of >= 0
    if len(mask_clip):
        clip = classes.similarities(mask_clip, scale).log_softmax(1)[fused.mask_of[covered]]
        ratios = classes.ratios
        logits[covered] = ratios * logits[covered] + (1 - ratios) * clip
    return classes.gated(logits, is_base).argmax(1)


def label_features(
    features: Tensor, is_base: Tensor, classes: OpenClasses, scale: float | Tensor
) -> Tensor:
    """(P,) int64 class by features alone, as of the point branch."""
    return classes.gated(classes.similarities(features, scale), is_base).argmax(1)
