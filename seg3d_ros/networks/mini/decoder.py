"""The query decoder of `mini`: seeds to masks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention, softplus

from seg3d_ros.compute import full_precision
from seg3d_ros.sparse.rope import rotate, rotation_table
from seg3d_ros.sparse.voxelize import mean_by_row

_HEAD_CHANNELS = 32
_FASTEST_M = 0.15  # distance over which the fastest rotary pair turns by one radian
_ROTARY_BASE = 30.0
_SHARPNESS = 16.0  # initial, 1 / m²: votes that miss by 25 cm lose one
_BIAS = 2.0  # initial logit of a voxel whose vote is exact


@dataclass(frozen=True, eq=False)
class Votes:
    """Object centers that N voxels vote for.

    Attributes:
        middles: (N, 3) where the middle of the object is, metres.
        log_radii: (N,) logarithm of the mean distance of its voxels from there, metres.
    """

    middles: Tensor
    log_radii: Tensor


@dataclass(frozen=True, eq=False)
class SceneFeatures:
    """One encoded scene of N voxels; coarser levels have half the resolution each.

    Attributes:
        points: (N, 3) mean of the points in each voxel, metres.
        votes: of each voxel.
        masks: (N, M) mask features.
        structure: (N, 4) logits of belonging to an object, floor, wall, ceiling.
        fine: (N, C) features of the voxels.
        levels: features of the three coarser levels, fine to coarse.
        parents: row of each voxel in the next coarser level, for the three finer levels.
        neighbors: (6, N) int64 rows of the voxels at its faces, -1 where there is none; of face
            i the opposite is 5 - i.
    """

    points: Tensor
    votes: Votes
    masks: Tensor
    structure: Tensor
    fine: Tensor
    levels: tuple[Tensor, Tensor, Tensor]
    parents: tuple[Tensor, Tensor, Tensor]
    neighbors: Tensor

    def __len__(self) -> int:
        return len(self.points)

    @cached_property
    def coarse(self) -> CoarseScene:
        """Scene at half the resolution."""
        return CoarseScene(self)


@dataclass(frozen=True, eq=False)
class DecodedQueries:
    """State and masks of Q queries.

    Attributes:
        states: (Q, C) features.
        places: (Q, 3) votes of their seeds, metres.
        early: (Q, N1) mask logits before each layer, over voxels of the first coarser level.
        coarse: (Q, N1) the same at last.
        quality: (Q,) logit of the IoU that the mask has with its object.
    """

    states: Tensor
    places: Tensor
    early: tuple[Tensor, ...]
    coarse: Tensor
    quality: Tensor

    def take(self, rows: Tensor) -> DecodedQueries:
        """Selection of queries, in this order; their early masks are left out."""
        return DecodedQueries(
            self.states[rows], self.places[rows], (), self.coarse[rows], self.quality[rows]
        )


class QueryDecoder(nn.Module):
    """Queries look at the scene through cross attention, then at what their masks cover."""

    def __init__(
        self,
        *,
        fine: int,
        levels: tuple[int, ...],
        mask_channels: int,
        width: int,
        layers: int,
    ) -> None:
        super().__init__()
        described = sum(levels)
        self.start = nn.Sequential(nn.Linear(fine + described, width), nn.LayerNorm(width))
        self.memory = nn.Linear(levels[1] + levels[2], width)
        self.layers = nn.ModuleList(DecoderLayer(width, described) for _ in range(layers))
        self.mask_head = MaskHead(width, mask_channels)
        self.quality = nn.Linear(width, 1)

    def forward(self, scene: SceneFeatures, seeds: Tensor) -> DecodedQueries:
        """Decode queries placed on (Q,) int64 seed rows."""
        coarse = scene.coarse
        described = coarse.described[scene.parents[0][seeds]]
        q = self.start(torch.cat([scene.fine[seeds], described], dim=1))
        places, memory = scene.votes.middles[seeds], self.memory(coarse.memory)
        early = []
        for layer in self.layers:
            early.append(self.mask_head(q, places, coarse.masks, coarse.votes.middles))
            q = layer(q, places, memory, coarse.memory_points, coarse.pool(early[-1]))
        masks = self.mask_head(q, places, coarse.masks, coarse.votes.middles)
        return DecodedQueries(q, places, tuple(early), masks, self.quality(q)[:, 0])

    def masks(self, scene: SceneFeatures, queries: DecodedQueries) -> Tensor:
        """(Q, N) mask logits over the finest voxels."""
        return self.mask_head(queries.states, queries.places, scene.masks, scene.votes.middles)


class CoarseScene:
    """A scene at the first coarser level, at which queries pool, and at the second, the memory."""

    def __init__(self, scene: SceneFeatures) -> None:
        one, two, three = scene.levels
        up, upper, uppest = scene.parents
        self.memory = torch.cat([two, three[uppest]], dim=1)
        self.described = torch.cat([one, self.memory[upper]], dim=1)
        self.masks = mean_by_row(scene.masks, up, len(one))
        self.votes = Votes(
            mean_by_row(scene.votes.middles, up, len(one)),
            mean_by_row(scene.votes.log_radii[:, None], up, len(one))[:, 0],
        )
        objectness = scene.structure.float().softmax(dim=1)[:, :1]
        self.objectness = mean_by_row(objectness, up, len(one))[:, 0]
        self.points = mean_by_row(scene.points, up, len(one))
        self.memory_points = mean_by_row(self.points, upper, len(two))

    def pool(self, masks: Tensor) -> Tensor:
        """(Q, N1) logits -> (Q, C) mean description of what each mask covers."""
        return _shares(masks) @ self.described


def _shares(masks: Tensor) -> Tensor:
    weights = masks.sigmoid()
    return weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-3)


class DecoderLayer(nn.Module):
    """Cross attention with rotary positions, what the mask covers, feed-forward; pre-norm."""

    def __init__(self, width: int, described: int) -> None:
        super().__init__()
        self.heads = width // _HEAD_CHANNELS
        self.query_norm, self.hidden_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.out = nn.Linear(width, width), nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.covered = nn.Linear(described, width)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(
        self, q: Tensor, places: Tensor, memory: Tensor, memory_points: Tensor, covered: Tensor
    ) -> Tensor:
        """(Q, C) queries at (Q, 3), memory (K, C) at (K, 3), pooled (Q, D) -> (Q, C)."""
        key, value = self.key_value(memory).chunk(2, dim=1)
        turned_q = self._turned(self.query(self.query_norm(q)), places)
        turned_k = self._turned(key, memory_points)
        parts = (turned_q, turned_k, self._heads(value))
        q_heads, k_heads, v_heads = (part.transpose(0, 1)[None] for part in parts)
        seen = scaled_dot_product_attention(q_heads, k_heads, v_heads)[0]
        q = q + self.out(seen.transpose(0, 1).flatten(1)) + self.covered(covered)
        return q + self.feed_forward(self.hidden_norm(q))

    def _heads(self, x: Tensor) -> Tensor:
        return x.view(len(x), self.heads, _HEAD_CHANNELS)

    def _turned(self, x: Tensor, points: Tensor) -> Tensor:
        table = rotation_table(
            points.detach() / _FASTEST_M, head_dim=_HEAD_CHANNELS, base=_ROTARY_BASE
        )
        return rotate(self._heads(x), table)


class MaskHead(nn.Module):
    """Mask logits: likeness of features, less the squared distance between votes and query."""

    def __init__(self, width: int, mask_channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.kernel = nn.Linear(width, mask_channels)
        self.placement = nn.Linear(width, 5)  # shift of the place (3), sharpness, bias
        # Masks start as balls around the seed's vote.
        nn.init.normal_(self.kernel.weight, std=0.01)
        nn.init.zeros_(self.kernel.bias)
        nn.init.zeros_(self.placement.weight)
        nn.init.zeros_(self.placement.bias)

    def forward(self, q: Tensor, places: Tensor, masks: Tensor, votes: Tensor) -> Tensor:
        """(Q, C) queries at (Q, 3), (N, M) features and (N, 3) votes -> (Q, N) logits."""
        with full_precision(q.device):  # differences of squares
            return self._logits(q.float(), places.float(), masks.float(), votes.float())

    def _logits(self, q: Tensor, places: Tensor, masks: Tensor, votes: Tensor) -> Tensor:
        q = self.norm(q)
        shift, sharpness, bias = self.placement(q).split((3, 1, 1), dim=1)
        sharpness = softplus(sharpness) * (_SHARPNESS / softplus(torch.zeros(()))).item()
        middle = places.mean(dim=0).detach()  # small numbers keep the squares exact
        center, votes = places + shift - middle, votes - middle
        # b - s |v - c|² = b - s |c|² + 2 s c·v - s |v|²: one product with the features.
        weights = torch.cat([self.kernel(q), 2 * sharpness * center, -sharpness], dim=1)
        values = torch.cat([masks, votes, votes.square().sum(1, keepdim=True)], dim=1)
        constant = bias + _BIAS - sharpness * center.square().sum(1, keepdim=True)
        return torch.addmm(constant, weights, values.t())
