"""Heads for the quality and the text embedding of masks of any source.

Masks of the query decoder and segments found by geometry are read by the same head, from what lies
inside them and what touches them outside, so that their scores can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag, normalize

from seg3d_ros.networks.mini.decoder import SceneFeatures

_STATISTICS = 10
_LARGEST = 3.0  # of a statistic; outliers say no more


@dataclass(frozen=True, eq=False)
class Readings:
    """Readings of M masks.

    Attributes:
        quality: (M,) logit of the IoU with the object that fits best.
        embeddings: (M, D) unit vectors.
    """

    quality: Tensor
    embeddings: Tensor


class MaskReader(nn.Module):
    """Pools features inside and around each mask, and looks at how its voxels vote.

    Args:
        fine: channels of the voxels.
        described: channels of the coarser voxels.
        embedding_dim: of the text space.
        width: hidden channels.
    """

    def __init__(self, *, fine: int, described: int, embedding_dim: int, width: int = 192) -> None:
        super().__init__()
        pooled = fine + described
        self.body = nn.Sequential(
            nn.LayerNorm(2 * pooled + _STATISTICS),
            nn.Linear(2 * pooled + _STATISTICS, width),
            nn.GELU(),
            nn.Linear(width, width),
            nn.GELU(),
        )
        self.quality = nn.Linear(width, 1)
        self.meaning = nn.Linear(described, embedding_dim)
        self.refinement = nn.Linear(width, embedding_dim)

    def forward(self, scene: SceneFeatures, inside: MaskMembers) -> Readings:
        """Read masks over the voxels of a scene; the rows of each ascend."""
        around = _around(scene, inside)
        pooled_inside, pooled_around = _pooled(scene, inside), _pooled(scene, around)
        statistics = _statistics(scene, inside, around)
        hidden = self.body(torch.cat([pooled_inside, pooled_around, statistics], dim=1))
        described = pooled_inside[:, scene.fine.shape[1] :]
        embeddings = normalize(self.meaning(described) + self.refinement(hidden), dim=1)
        return Readings(self.quality(hidden)[:, 0], embeddings)


@dataclass(frozen=True, eq=False)
class MaskMembers:
    """Voxels of M sets.

    Attributes:
        rows: (P,) int64 voxels.
        owner: (P,) int64 set of each, ascending.
        sizes: (M,) int64 voxels in each set.
    """

    rows: Tensor
    owner: Tensor
    sizes: Tensor

    @staticmethod
    def of(masks: Tensor) -> MaskMembers:
        """Members of (M, N) bool masks."""
        hits = masks.flatten().nonzero()[:, 0]  # of a matrix it takes longer
        owner = hits.div(masks.shape[1], rounding_mode="floor")
        rows = hits - owner * masks.shape[1]
        return MaskMembers(rows, owner, torch.bincount(owner, minlength=len(masks)))

    def mean(self, values: Tensor) -> Tensor:
        """(M, C) mean of (P, C) values of the members; zero of empty sets."""
        total = values.new_zeros(len(self.sizes), values.shape[1])
        total.index_add_(0, self.owner, values)
        return total / self.sizes.clamp(min=1)[:, None]


def _around(scene: SceneFeatures, inside: MaskMembers) -> MaskMembers:
    """Voxels that touch a mask from outside, once for each face that touches it."""
    touched = scene.neighbors[:, inside.rows]  # (6, P)
    outside = touched >= 0
    # Searching takes less than an array of the masks, which would be large in a large scene.
    members = inside.owner * len(scene) + inside.rows
    for face in range(3):
        wanted = inside.owner * len(scene) + touched[face]
        place = torch.searchsorted(members, wanted).clamp(max=len(members) - 1)
        both = outside[face] & (members[place] == wanted)
        outside[face] &= ~both
        # Their neighbours have them across the opposite face; the last entry is for no neighbour.
        found = both.new_zeros(len(members) + 1)
        found[torch.where(both, place, len(members))] = True
        outside[5 - face] &= ~found[:-1]
    hits = outside.t().flatten().nonzero()[:, 0]
    member = hits.div(6, rounding_mode="floor")
    owner, rows = inside.owner[member], touched[hits - 6 * member, member]
    return MaskMembers(rows, owner, torch.bincount(owner, minlength=len(inside.sizes)))


def _pooled(scene: SceneFeatures, members: MaskMembers) -> Tensor:
    """(M, fine + described) mean features."""
    starts = members.sizes.cumsum(0) - members.sizes
    fine = embedding_bag(members.rows, scene.fine, starts, mode="mean")
    above = scene.parents[0][members.rows]
    described = embedding_bag(above, scene.coarse.described, starts, mode="mean")
    return torch.cat([fine, described], dim=1)


def _statistics(scene: SceneFeatures, inside: MaskMembers, around: MaskMembers) -> Tensor:
    """(M, _STATISTICS): size and extents, agreement of votes, objectness, and open boundary."""
    points = scene.points
    center = inside.mean(points[inside.rows])
    squares = (points[inside.rows] - center[inside.owner]).square()
    variance = inside.mean(squares)
    votes, log_radii = scene.votes.middles, scene.votes.log_radii
    vote = inside.mean(votes[inside.rows])
    radius = inside.mean(log_radii[inside.rows, None]).exp().clamp(min=0.02)
    spread = inside.mean(_distances(votes[inside.rows], vote[inside.owner]))
    outer = around.mean(_distances(votes[around.rows], vote[around.owner]))
    objects = scene.structure.softmax(dim=1)[:, :1]
    free = inside.mean((scene.neighbors[:, inside.rows] < 0).float().mean(0)[:, None])
    touching = around.sizes[:, None] / inside.sizes.clamp(min=1)[:, None]
    columns = [
        (inside.sizes + 1).log()[:, None] / 4,
        variance[:, :2].sum(1, keepdim=True).sqrt(),
        variance[:, 2:].sqrt(),
        spread / radius,
        (vote - center).norm(dim=1, keepdim=True) / radius,
        outer / radius,
        inside.mean(objects[inside.rows]),
        around.mean(objects[around.rows]),
        free,
        touching,
    ]
    return torch.cat(columns, dim=1).clamp(max=_LARGEST)


def _distances(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().sum(dim=1, keepdim=True).add(1e-8).sqrt()
