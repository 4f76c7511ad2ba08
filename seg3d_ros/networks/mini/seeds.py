"""Seeds of queries in a scene."""

from __future__ import annotations

import torch
from torch import Tensor

from seg3d_ros.networks.mini.decoder import SceneFeatures

_NEAR = 0.7  # of a radius; votes nearer are for the same object


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


def seeds_for_all(scene: SceneFeatures, *, count: int, least_object: float = 0.0) -> Tensor:
    """Rows of at most `count` voxels, so that every object gets a good seed, (Q,) int64.

    Three of four are as different from each other as can be, which finds what is small; the
    others are spread evenly over the scene, where large things have most of the voxels.

    Args:
        scene: encoded.
        count: of the seeds at most.
        least_object: seeds lie where the probability of an object is larger, as far as there are.
    """
    coarse = scene.coarse  # a voxel of it is as good as its neighbour
    allowed = (coarse.objectness >= least_object).nonzero()[:, 0]
    if not len(allowed):
        return allowed
    middles, radii = coarse.votes.middles[allowed], coarse.votes.log_radii[allowed].exp()
    farthest = farthest_seeds(middles, radii, count=count * 3 // 4)
    different = mean_shift_step(farthest, middles, radii)
    even = torch.linspace(0, len(middles) - 1, count // 4, device=middles.device).long()
    rows = torch.unique(torch.cat([different, even]))
    child = rows.new_empty(len(coarse.objectness))
    child[scene.parents[0]] = torch.arange(len(scene), device=rows.device)
    return child[allowed[rows]]


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
        offsets = middles - middles.index_select(0, rows[number - 1 : number])  # no waiting
        distance = torch.minimum(distance, offsets.square().sum(dim=1) * scale)
        rows[number] = distance.argmax()
    return rows


def mean_shift_step(rows: Tensor, middles: Tensor, radii: Tensor) -> Tensor:
    """For each row the voxel that votes most like those that vote much like it, (Q,) int64.

    Farthest points are extremes by nature; this is one step of mean shift (Comaniciu and Meer,
    "Mean shift", 2002) from each towards the middle of its object.
    """
    near = torch.cdist(middles[rows], middles) < _NEAR * radii[rows, None]
    near = near.to(middles.dtype)
    mean = near @ middles / near.sum(dim=1, keepdim=True)
    return torch.cdist(mean, middles).argmin(dim=1)
