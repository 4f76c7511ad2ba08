"""A network of two layers that names points by colour, and its loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from seg3d_ros.networks.batch import SceneBatch
from support.toy_dataset import NAMES


class ToyNetwork(nn.Module):
    """(P, 4) class logits."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(6, 8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, len(NAMES))
        )

    def forward(self, batch: SceneBatch) -> Tensor:
        return self.layers(torch.cat([batch.points, batch.colors], dim=1))


class ToyObjective(nn.Module):
    """Mean over the scenes, however many points each has."""

    def forward(self, output: Tensor, batch: SceneBatch) -> dict[str, Tensor]:
        pairs = zip(output.split(list(batch.sizes)), batch.segment.split(list(batch.sizes)))
        losses = [cross_entropy(logits, segment, ignore_index=-1) for logits, segment in pairs]
        return {"total": torch.stack(losses).mean()}
