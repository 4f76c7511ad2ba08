"""Query decoder of LaSSM: superpoints in, a class, a mask and a centre a query out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seg3d_ros.networks.lassm.heads import Heads
from seg3d_ros.networks.lassm.layers import DecoderLayer
from seg3d_ros.networks.point_operations import sample_farthest


@dataclass(frozen=True, eq=False)
class Superpoints:
    """Superpoints of one scene.

    Attributes:
        features: (S, C) float.
        centers: (S, 3) float32, metres.
    """

    features: Tensor
    centers: Tensor


@dataclass(frozen=True, eq=False)
class Decoded:
    """Outputs of a scene's queries.

    Attributes:
        stages: readings of the initial queries, then after each layer; the last one counts.
        superpoint_labels: (S, C + 1) class logits of the superpoints.
        selected: (Q,) int64 superpoint that each query began as.
    """

    stages: tuple[Heads, ...]
    superpoint_labels: Tensor
    selected: Tensor


class LassmDecoder(nn.Module):
    """Queries begin as superpoints that are likely objects and far from each other.

    Args:
        in_channels: of the superpoints' features.
        num_classes: C; there is one logit more, for "no object".
        width: channels of the queries.
        num_blocks: state-space blocks of each layer.
        attention_layers: the first so many layers attend, the others aggregate.
        num_queries: at most.
        candidates: share of the superpoints that may become queries, best first.
        neighbors: superpoints that the aggregation sees.
        orders: of the queries in the state-space parts.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        *,
        width: int = 256,
        num_blocks: Sequence[int] = (1,) * 6,
        attention_layers: int = 3,
        num_queries: int = 400,
        candidates: float = 0.8,
        neighbors: int = 8,
        orders: Sequence[str] = ("hilbert", "hilbert-trans"),
    ) -> None:
        super().__init__()
        self.num_queries = num_queries
        self.candidates = candidates
        self.layers = nn.ModuleList(
            DecoderLayer(
                width,
                attention=i < attention_layers,
                neighbors=neighbors,
                blocks=blocks,
                orders=orders,
            )
            for i, blocks in enumerate(num_blocks)
        )
        self.input_proj = nn.Sequential(
            nn.Linear(in_channels, width), nn.LayerNorm(width), nn.ReLU()
        )
        self.query_proj = nn.Sequential(
            nn.Linear(in_channels, width), nn.LayerNorm(width), nn.ReLU()
        )
        self.sp_seg_head = _perceptron(in_channels, width, num_classes + 1)
        self.out_norm = nn.LayerNorm(width)
        self.out_cls = _perceptron(width, width, num_classes + 1)
        self.out_center = _perceptron(width, width, 3)
        self.x_mask = _perceptron(in_channels, width, width)

    def forward(self, superpoints: Superpoints) -> Decoded:
        """Decode one scene of at least one superpoint."""
        features, centers = superpoints.features, superpoints.centers
        labels = self.sp_seg_head(features)
        selected = self.select(labels, centers)
        source, mask_features = self.input_proj(features), self.x_mask(features)
        queries, positions = self.query_proj(features[selected]), centers[selected]
        stages = [self._read(queries, positions, mask_features)]
        for layer in self.layers:
            queries = layer(queries, stages[-1], source, centers)
            stages.append(self._read(queries, stages[-1].positions, mask_features))
        return Decoded(tuple(stages), labels, selected)

    def select(self, labels: Tensor, centers: Tensor) -> Tensor:
        """Rows of the superpoints that become queries, (Q,) int64.

        Args:
            labels: (S, C + 1) class logits.
            centers: (S, 3) metres.
        """
        count = int(self.candidates * len(labels))
        if count <= self.num_queries:
            return torch.arange(len(labels), device=labels.device)
        confidence = labels.detach().float().softmax(1)[:, :-1].amax(1)
        best = confidence.argsort(descending=True, stable=True)[:count]
        spread = sample_farthest(centers[best][None], self.num_queries)[0]
        return best[spread.sort().values]

    def _read(self, queries: Tensor, positions: Tensor, mask_features: Tensor) -> Heads:
        normed = self.out_norm(queries)
        offsets = self.out_center(normed)
        moved = positions + offsets.float()
        return Heads(self.out_cls(normed), offsets, moved, normed, mask_features)


def _perceptron(inputs: int, width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, outputs))
