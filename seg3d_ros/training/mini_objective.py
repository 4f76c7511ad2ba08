"""What `mini` is trained for: masks, votes, honest scores, and names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from seg3d_ros.networks.batch import SceneBatch
from seg3d_ros.networks.mini import MiniOutput
from seg3d_ros.networks.mini_decoder import SceneFeatures
from seg3d_ros.training.name_texts import NameTexts

_SMALLEST = 30  # voxels added to an object's size where losses are shares of it
_LEAST_RADIUS_M = 0.05  # likewise for radii


@dataclass(frozen=True)
class MiniLossWeights:
    """How much each part counts in the total."""

    bce: float = 1.0
    dice: float = 2.0
    early: float = 0.5  # of the masks that are not final
    quality: float = 0.5
    votes: float = 1.0
    radii: float = 0.5
    names: float = 2.0
    alignment: float = 1.0
    samples: float = 1.0


class MiniObjective(nn.Module):
    """Losses of `mini`. Each query is to find the instance that its seed lies on.

    Args:
        data_dir: dataset, whose names are learned; those called unseen are never shown.
        weights: of the parts.
        temperature: cosines are divided by it; that of the text space, so that scores fit.
        smoothing: of the labels; names are seldom wholly wrong.
    """

    def __init__(
        self,
        data_dir: str | Path,
        *,
        weights: MiniLossWeights | None = None,
        temperature: float = 0.05,
        smoothing: float = 0.05,
    ) -> None:
        super().__init__()
        self.weights = weights or MiniLossWeights()
        self.texts = NameTexts(Path(data_dir))
        self.temperature, self.smoothing = temperature, smoothing

    def forward(self, output: MiniOutput, batch: SceneBatch) -> dict[str, Tensor]:
        """Mean losses over the scenes of the batch, and "total"."""
        names = self.texts.draw().to(batch.points.device)
        parts = [self._scene(output, batch, i, names) for i in range(len(output.scenes))]
        nothing = torch.stack([scene.masks.sum() * 0 for scene in output.scenes]).sum()
        mean = {key: _mean([p[key] for p in parts if p], nothing) for key in vars(self.weights)}
        weighted = [mean[key] * weight for key, weight in vars(self.weights).items()]
        return {**mean, "total": torch.stack(weighted).sum()}

    def _scene(
        self, output: MiniOutput, batch: SceneBatch, index: int, names: Tensor
    ) -> dict[str, Tensor]:
        scene, seeds = output.scenes[index], output.seeds[index]
        if not len(seeds):
            return {}
        instance = batch.instance[output.points[index]]
        segment = batch.segment[output.points[index]]
        wanted = instance[seeds]
        found = output.queries[index]
        bce, dice, iou = mask_losses(output.masks[index], instance, wanted)
        votes, radii = vote_losses(scene, instance)
        of_queries, aligned = self._names(found.embeddings, segment[seeds], names)
        of_samples, _ = self._names(output.meanings[index], segment[output.samples[index]], names)
        return {
            "bce": bce,
            "dice": dice,
            "early": self._early(found.early, scene, instance, wanted),
            "quality": binary_cross_entropy_with_logits(found.quality, iou),
            "votes": votes,
            "radii": radii,
            "names": of_queries,
            "alignment": aligned,
            "samples": of_samples,
        }

    def _early(
        self, layers: tuple[Tensor, ...], scene: SceneFeatures, instance: Tensor, wanted: Tensor
    ) -> Tensor:
        coarse = instance.new_empty(len(scene.levels[0]))
        coarse[scene.parents[0]] = instance  # of any of its voxels
        losses = []
        for masks in layers:
            bce, dice, _ = mask_losses(masks, coarse, wanted)
            losses.append(self.weights.bce * bce + self.weights.dice * dice)
        return torch.stack(losses).mean()

    def _names(self, embeddings: Tensor, segment: Tensor, names: Tensor) -> tuple[Tensor, Tensor]:
        """Contrast with all names of training, and distance to the right one."""
        target = self.texts.rows.to(segment.device)[segment]  # -1: none, or unseen
        known = target >= 0
        if not bool(known.any()):
            return embeddings.sum() * 0, embeddings.sum() * 0
        cosines = embeddings[known] @ names.t()
        contrast = cross_entropy(
            cosines / self.temperature, target[known], label_smoothing=self.smoothing
        )
        right = cosines.gather(1, target[known][:, None])
        return contrast, (1 - right).mean()


def mask_losses(masks: Tensor, instance: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cross entropy in shares of the object's size, dice, and the IoU that was reached.

    Args:
        masks: (Q, N) logits.
        instance: (N,) id of each voxel; voxels of none count for nothing.
        wanted: (Q,) id that each query has to find.

    Returns:
        Mean cross entropy and dice loss over the queries, (Q,) IoU without gradient.
    """
    labelled = (instance >= 0).nonzero()[:, 0]
    masks = masks[:, labelled]
    target = (instance[labelled] == wanted[:, None]).to(masks.dtype)
    sizes = target.sum(dim=1)
    bce = binary_cross_entropy_with_logits(masks, target, reduction="none").sum(dim=1)
    probability = masks.sigmoid()
    both = (probability * target).sum(dim=1)
    dice = 1 - (2 * both + 1) / (probability.sum(dim=1) + sizes + 1)
    with torch.no_grad():
        inside = (masks > 0).to(masks.dtype)
        hit = (inside * target).sum(dim=1)
        iou = hit / (inside.sum(dim=1) + sizes - hit).clamp(min=1)
    return (bce / (sizes + _SMALLEST)).mean(), dice.mean(), iou


def vote_losses(scene: SceneFeatures, instance: Tensor) -> tuple[Tensor, Tensor]:
    """How far off the votes are: in shares of the object's radius, and in the radius' logarithm.

    Every object counts the same, however large it is.
    """
    labelled = (instance >= 0).nonzero()[:, 0]
    ids, rows, counts = torch.unique(instance[labelled], return_inverse=True, return_counts=True)

    def mean(values: Tensor) -> Tensor:
        total = values.new_zeros(len(ids), values.shape[1]).index_add_(0, rows, values)
        return total / counts[:, None]

    points, votes = scene.points[labelled], scene.votes.middles[labelled]
    middle = mean(points)
    radius = mean((points - middle[rows]).norm(dim=1, keepdim=True)) + _LEAST_RADIUS_M
    errors = (votes - middle[rows]).norm(dim=1, keepdim=True) / radius[rows]
    log_errors = scene.votes.log_radii[labelled, None] - radius.log()[rows]
    return mean(errors).mean(), mean(log_errors.abs()).mean()


def _mean(values: list[Tensor], nothing: Tensor) -> Tensor:
    return torch.stack(values).mean() if values else nothing
