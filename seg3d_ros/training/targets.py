"""Targets of MaskFormer in a scene, from its labels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

IGNORED = -1  # segment or instance of points that have none


@dataclass(frozen=True, eq=False)
class Targets:
    """M instances of a scene of P points.

    Attributes:
        labels: (M,) int64 classes.
        masks: (M, P) bool.
    """

    labels: Tensor
    masks: Tensor

    def __len__(self) -> int:
        return len(self.labels)


def build_targets(segment: Tensor, instance: Tensor, *, num_classes: int) -> Targets:
    """Every instance with the class that most of its labelled points have, by ascending id.

    Args:
        segment: (P,) int64 class of each point, `IGNORED` for none.
        instance: (P,) int64 instance of each point, `IGNORED` for none.
        num_classes: instances of a higher class are left out, as are those of none.
    """
    ids, owners = torch.unique(instance, return_inverse=True)
    labels = _most_frequent(segment, owners, len(ids))
    wanted = (ids != IGNORED) & (labels != IGNORED) & (labels < num_classes)
    return Targets(labels[wanted], instance == ids[wanted, None])


def _most_frequent(segment: Tensor, owners: Tensor, count: int) -> Tensor:
    """(count,) class that most points of each owner have, the lowest of equal ones."""
    labelled = segment != IGNORED
    owners, segment = owners[labelled], segment[labelled]
    if not len(segment):
        return torch.full((count,), IGNORED, device=owners.device)
    width = int(segment.max()) + 1
    votes = torch.bincount(owners * width + segment, minlength=count * width).view(count, width)
    most, labels = votes.max(dim=1)
    return torch.where(most > 0, labels, IGNORED)
