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


def farthest_seeds(middles: Tensor, radii: Tensor, *, count: int) -> Tensor:
    """Rows of `count` voxels that vote for different objects, (min(count, N),) int64.

    Farthest point sampling (Eldar et al., "The farthest point strategy for progressive image
    sampling", 1997) of the middles voted for, in units of the radius that goes with each: a cup
    beside a seed on its table is far away, the far end of a wall is near.

    Args:
        middles: (N, 3) votes, metres.
        radii: (N,) metres.
        count: of the seeds.
    """
    count = min(count, len(middles))
    rows = torch.zeros(count, dtype=torch.int64, device=middles.device)
    distance = torch.full((len(middles),), torch.inf, device=middles.device)
    scale = 1 / radii.square()
    for number in range(1, count):
        offsets = middles - middles[rows[number - 1]]
        distance = torch.minimum(distance, offsets.square().sum(dim=1) * scale)
        rows[number] = distance.argmax()
    return rows
