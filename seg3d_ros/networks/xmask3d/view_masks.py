"""Masks of one camera view, lifted to the points that it sees."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from seg3d_ros.networks.xmask3d.classes import OpenClasses
from seg3d_ros.networks.xmask3d.projection import IMAGE_SHAPE


@dataclass(frozen=True, eq=False)
class ViewMasks:
    """M masks that share no pixel.

    Attributes:
        queries: (M,) int64 query that each mask is of, ascending.
        masks: (M, P) bool over the visible points; a mask may have none.
    """

    queries: Tensor
    masks: Tensor


@dataclass(frozen=True, eq=False)
class ViewPixels:
    """Pixels of the P visible points, and how likely each point is of a base class.

    Attributes:
        rows: (P,) int64.
        columns: (P,) int64.
        base_probability: (P,) in [0, 1].
    """

    rows: Tensor
    columns: Tensor
    base_probability: Tensor


def lift_masks(
    mask_logits: Tensor,
    class_logits: Tensor,
    pixels: ViewPixels,
    classes: OpenClasses,
    *,
    shape: tuple[int, int] = IMAGE_SHAPE,
) -> ViewMasks:
    """Masks that hold a visible point compete for the pixels.

    Args:
        mask_logits: (Q, h, w) on a grid that covers the image.
        class_logits: (Q, K + 1), see `OpenClasses.mask_logits`.
        pixels: of the visible points.
        classes: in the order of the logits.
        shape: rows and columns of the image.
    """
    large = interpolate(mask_logits[None], shape, mode="bilinear", align_corners=False)[0]
    soft = large.sigmoid()
    seen = soft[:, pixels.rows, pixels.columns] > 0.5  # (Q, P)
    queries = seen.any(1).nonzero()[:, 0]
    if not len(queries):
        return ViewMasks(queries, seen[:0])
    seen = seen[queries].to(soft.dtype)
    is_base = seen @ pixels.base_probability.to(soft.dtype) / seen.sum(1) > 0.5
    scores = classes.gated(class_logits[queries], is_base).softmax(1).amax(1)
    soft = soft[queries]
    winner = (scores[:, None, None] * soft).argmax(0)  # (H, W)
    numbers = torch.arange(len(queries), device=winner.device)
    masks = (winner == numbers[:, None, None]) & (soft >= 0.5)
    kept = masks.flatten(1).any(1)
    return ViewMasks(queries[kept], masks[kept][:, pixels.rows, pixels.columns])
