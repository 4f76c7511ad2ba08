"""Targets of LaSSM in a scene, from its labels and superpoints."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seg3d_ros.training.targets import IGNORED


@dataclass(frozen=True, eq=False)
class LassmTargets:
    """M instances of a scene of S superpoints.

    Attributes:
        labels: (M,) int64 classes.
        masks: (M, S) float32, 1 for superpoints of which an instance holds more than half.
        centers: (M, 3) float32 middle of the box of each, in [0, 1] over the range of the points.
        superpoint_labels: (S,) int64 class that more than half of a superpoint's points have,
            `num_classes` where they have none.
    """

    labels: Tensor
    masks: Tensor
    centers: Tensor
    superpoint_labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


def build_lassm_targets(
    points: Tensor,
    segment: Tensor,
    instance: Tensor,
    superpoint_of: Tensor,
    *,
    num_classes: int,
    mixed_class: int = 0,
) -> LassmTargets:
    """Every labelled instance, by ascending id; its class is that of its first point.

    Args:
        points: (P, 3) metres.
        segment: (P,) int64 class of each point, `IGNORED` for none.
        instance: (P,) int64 instance of each point, `IGNORED` for none.
        superpoint_of: (P,) int64 superpoint of each point, every number up to the largest used.
        num_classes: instances of a higher class are left out.
        mixed_class: of superpoints without a majority.
    """
    sizes = torch.bincount(superpoint_of)
    known = (segment >= 0) & (segment < num_classes)
    classes = torch.where(known, segment, num_classes)
    votes = _counts(classes, superpoint_of, num_classes + 1, len(sizes))
    most = 2 * votes > sizes
    superpoint_labels = torch.where(most.any(0), most.int().argmax(0), mixed_class)
    ids, owners = torch.unique(instance, return_inverse=True)
    first = torch.full_like(ids, len(owners))
    places = torch.arange(len(owners), device=owners.device)
    first.scatter_reduce_(0, owners, places, "amin")
    labels = segment[first]
    kept = (ids != IGNORED) & (labels >= 0) & (labels < num_classes)
    held = _counts(owners, superpoint_of, len(ids), len(sizes))
    low, high = points.amin(0), points.amax(0)
    middle = _box_middles(points, owners, len(ids))
    return LassmTargets(
        labels[kept],
        (2 * held > sizes)[kept].float(),
        ((middle - low) / (high - low + 1e-6))[kept],
        superpoint_labels,
    )


def _counts(rows: Tensor, columns: Tensor, height: int, width: int) -> Tensor:
    """(height, width) number of times that each pair occurs."""
    flat = torch.bincount(rows * width + columns, minlength=height * width)
    return flat.view(height, width)


def _box_middles(points: Tensor, owners: Tensor, count: int) -> Tensor:
    index = owners[:, None].expand_as(points)
    empty = points.new_zeros(count, 3)
    low = empty.scatter_reduce(0, index, points, "amin", include_self=False)
    high = empty.scatter_reduce(0, index, points, "amax", include_self=False)
    return (low + high) / 2
