"""Point-SAM as it is trained: several rounds of simulated clicks on a few objects of each crop."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seg3d_ros.datasets.click_simulation import SimulatedClicks, first_clicks, next_clicks
from seg3d_ros.networks.batch import SceneBatch
from seg3d_ros.networks.point_operations import find_nearest, gather, square_lengths
from seg3d_ros.networks.point_sam.network import (
    READINGS,
    SINGLE,
    Candidates,
    Clicks,
    EncodedClouds,
    PointSam,
)

_SCALES = (0.8, 1.0)  # of the unit ball, drawn for each crop


@dataclass(frozen=True, eq=False)
class ClickRounds:
    """The answers to all rounds of clicks on M objects of one crop of N points.

    Attributes:
        answers: of each round, K masks for each object.
        targets: (M, N) bool, the objects, as far as they are in the crop.
        missing: (M,) how many points of them the crop would hold besides if it were larger.
        tokens: (1, G, C) of the patches.
        patch_instance: (G,) int64 object that the center of each patch is on, -1 for none.
    """

    answers: tuple[Candidates, ...]
    targets: Tensor
    missing: Tensor
    tokens: Tensor
    patch_instance: Tensor


class ClickTraining(nn.Module):
    """Clicks on objects and lets the network answer, round after round.

    The first click is anywhere on the object, further ones are in the middle of the worst error;
    the mask before goes back in. In training crops are scaled and thinned out at random. In
    evaluation nothing is left to chance.

    Args:
        network: its name becomes the prefix of its tensors in checkpoints.
        rounds: answers to each object.
        objects: M to click on in each crop.
        fewest_points: to which crops are thinned out at most.
    """

    def __init__(
        self, network: PointSam, *, rounds: int = 5, objects: int = 2, fewest_points: int = 4096
    ) -> None:
        super().__init__()
        self.network = network
        self._rounds = rounds
        self._objects = objects
        self._fewest = fewest_points

    def forward(self, batch: SceneBatch) -> tuple[ClickRounds, ...]:
        """Answers for M objects of each crop; the first is that of the crop's first point.

        Args:
            batch: crops as `ObjectCrop` makes them, the points of each in random order.
        """
        sizes = list(batch.sizes)
        share = torch.ones_like(batch.points[:, 0]) if batch.share is None else batch.share
        tensors = (batch.points, batch.colors, batch.instance, share)
        parts = (torch.split(tensor, sizes) for tensor in tensors)
        return tuple(self._click(*crop) for crop in zip(*parts, strict=True))

    def _click(
        self, points: Tensor, colors: Tensor, instance: Tensor, share: Tensor
    ) -> ClickRounds:
        """Answers for one crop: (N, 3), (N, 3), (N,) and (N,)."""
        if self.training:
            kept = slice(_random_count(self._fewest, len(points)))
            points, colors = points[kept], colors[kept]
            instance, share = instance[kept], share[kept]
        seeds = _seeds(instance, self._objects, chance=self.training)
        targets = instance == instance[seeds][:, None]
        missing = targets.sum(1) * (1 / share[seeds] - 1)
        points = self._normalised(points)[None]
        clouds = self.network.encode(points, colors[None] * 2 - 1)
        if self.training:
            first = SimulatedClicks(seeds, torch.ones_like(seeds))
        else:
            first = first_clicks(points, targets)
        answers = tuple(self._answers(points, clouds, targets, first))
        centers = find_nearest(points, clouds.patches.centers, 1)[0, :, 0]
        return ClickRounds(answers, targets, missing, clouds.tokens, instance[centers])

    def _answers(
        self, points: Tensor, clouds: EncodedClouds, targets: Tensor, first: SimulatedClicks
    ) -> list[Candidates]:
        rows, labels = first.rows[:, None], first.labels[:, None]
        logits = None
        answers = []
        for i in range(self._rounds):
            if logits is not None:
                new = next_clicks(points, targets, logits)
                rows = torch.cat([rows, new.rows[:, None]], dim=1)
                labels = torch.cat([labels, new.labels[:, None]], dim=1)
            per_cloud = rows.view(len(points), -1)
            clicked = gather(points, per_cloud).view(*rows.shape, 3)
            answer = self.network.predict(
                clouds, Clicks(clicked, labels, logits), candidates=SINGLE if i else READINGS
            )
            answers.append(answer)
            logits = best_logits(answer).detach()
        return answers

    def _normalised(self, points: Tensor) -> Tensor:
        centered = points - points.mean(0)
        largest = square_lengths(centered).max().sqrt()
        if self.training:
            low, high = _SCALES
            largest = largest / (low + (high - low) * torch.rand_like(largest))
        return centered / largest


def best_logits(answer: Candidates) -> Tensor:
    """(S, N) of the candidates that the network itself thinks best of."""
    best = answer.predicted_iou.argmax(1)
    return answer.logits[torch.arange(len(best), device=best.device), best]


def _random_count(low: int, high: int) -> int:
    """Between two counts, each doubling as likely as another."""
    share = float(torch.rand(()))
    return min(high, int(low * (high / low) ** share)) if high > low else high


def _seeds(instance: Tensor, count: int, *, chance: bool) -> Tensor:
    """(M,) rows of points of M objects; the first is row 0.

    Objects are drawn alike, however large they are. Without chance all are that of row 0.
    """
    first = torch.zeros(1, dtype=torch.int64, device=instance.device)
    if count == 1 or not chance:
        return first.expand(count)
    others = torch.multinomial(_weights(instance), count - 1, replacement=True)
    return torch.cat([first, others])


def _weights(instance: Tensor) -> Tensor:
    """(N,) one over the size of each point's object; none for points without."""
    _, place, sizes = torch.unique(instance, return_inverse=True, return_counts=True)
    return (instance >= 0) / sizes[place]
