"""Where the queries of a scene are placed."""

from __future__ import annotations

import torch
from torch import Tensor


def seeds_on_instances(instance: Tensor, *, each: int) -> Tensor:
    """Rows of `each` random voxels on every instance, (Q,) int64; with repetition on tiny ones.

    Args:
        instance: (N,) int64 ids; negative ones belong to none.
        each: seeds on an instance.
    """
    order = torch.argsort(instance)
    ids, counts = torch.unique_consecutive(instance[order], return_counts=True)
    ends = counts.cumsum(0)
    starts, counts = (ends - counts)[ids >= 0], counts[ids >= 0]
    chance = torch.rand(each, len(counts), device=instance.device)
    return order[(starts + chance * counts).long().clamp(max=len(instance) - 1)].t().flatten()


def farthest_seeds(votes: Tensor, *, count: int) -> Tensor:
    """Rows of `count` voxels whose votes lie far apart, (min(count, N),) int64.

    Votes of one object gather at its middle, so every object gets a seed before any gets many.
    Farthest point sampling: Eldar et al., "The farthest point strategy for progressive image
    sampling" (1997).
    """
    count = min(count, len(votes))
    rows = torch.zeros(count, dtype=torch.int64, device=votes.device)
    distance = torch.full((len(votes),), torch.inf, device=votes.device)
    for number in range(1, count):
        offsets = votes - votes[rows[number - 1]]
        distance = torch.minimum(distance, offsets.square().sum(dim=1))
        rows[number] = distance.argmax()
    return rows
