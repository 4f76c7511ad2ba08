"""Losses of `mini`: structure of the room, masks, votes, mask quality, and names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from seg3d_ros.networks.batch import SceneBatch
from seg3d_ros.networks.kinds import OBJECT, STRUCTURE
from seg3d_ros.networks.mini.decoder import SceneFeatures
from seg3d_ros.networks.mini.network import MiniOutput
from seg3d_ros.training.mask_losses import dice_loss
from seg3d_ros.training.name_texts import NameTexts

UNKNOWN = -2  # instance of voxels without labels
_FITS = 0.5  # IoU from which on a mask shows its object well enough to be named
_SMALLEST = 30  # voxels added to an object's size where losses are shares of it
_LEAST_RADIUS_M = 0.05  # likewise for radii


@dataclass(frozen=True)
class MiniLossWeights:
    """Weights of the parts in the total."""

    bce: float = 1.0
    dice: float = 2.0
    early: float = 0.5  # of the masks that are not final
    quality: float = 0.5
    reading: float = 2.0
    votes: float = 1.0
    radii: float = 0.5
    names: float = 1.0
    alignment: float = 0.5
    structure: float = 2.0


class MiniObjective(nn.Module):
    """Losses of `mini`. Each query is to find the instance that its seed lies on.

    Args:
        data_dir: dataset, whose names are learned; those called unseen are never shown.
        weights: of the parts.
        temperature: cosines are divided by it; that of the text space, so that scores fit.
        smoothing: of the labels; names are seldom wholly wrong.
    """

    kinds: Tensor
    structure_segments: Tensor

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
        names = (Path(data_dir) / "names.txt").read_text(encoding="utf-8").splitlines()
        kinds = [1 + STRUCTURE.index(name) if name in STRUCTURE else OBJECT for name in names]
        self.register_buffer("kinds", torch.tensor(kinds), persistent=False)
        numbers = [names.index(name) if name in names else -1 for name in STRUCTURE]
        self.register_buffer("structure_segments", torch.tensor(numbers), persistent=False)
        self.temperature, self.smoothing = temperature, smoothing

    def forward(self, output: MiniOutput, batch: SceneBatch) -> dict[str, Tensor]:
        """Mean losses over the scenes of the batch, and "total"."""
        names = self.texts.draw().to(batch.points.device)
        parts = [self._scene(output, batch, i, names) for i in range(len(output.scenes))]
        nothing = torch.stack([scene.masks.sum() * 0 for scene in output.scenes]).sum()
        mean = {
            key: _mean([part[key] for part in parts if key in part], nothing)
            for key in vars(self.weights)
        }
        weighted = [mean[key] * weight for key, weight in vars(self.weights).items()]
        return {**mean, "total": torch.stack(weighted).sum()}

    def _scene(
        self, output: MiniOutput, batch: SceneBatch, index: int, names: Tensor
    ) -> dict[str, Tensor]:
        scene, seeds = output.scenes[index], output.seeds[index]
        segment = batch.segment[output.points[index]]
        losses = {"structure": structure_loss(scene.structure, self._kinds_of(segment))}
        instance = torch.where(segment < 0, UNKNOWN, batch.instance[output.points[index]])
        wanted = instance[seeds]
        on_object = wanted >= 0
        if not bool(on_object.any()):
            return losses
        found = output.queries[index]
        bce, dice, iou = query_losses(output.masks[index][on_object], instance, wanted[on_object])
        quality = torch.zeros_like(found.quality)
        quality[on_object] = iou
        votes, radii = vote_losses(scene, instance)
        early = [masks[on_object] for masks in found.early]
        return {
            **losses,
            "bce": bce,
            "dice": dice,
            "early": self._early(early, scene, instance, wanted[on_object]),
            "quality": binary_cross_entropy_with_logits(found.quality, quality),
            "votes": votes,
            "radii": radii,
            **self._read(output, index, instance, segment, names),
        }

    def _read(
        self, output: MiniOutput, index: int, instance: Tensor, segment: Tensor, names: Tensor
    ) -> dict[str, Tensor]:
        """Losses of what was read in the masks of a scene, and of the names of structure."""
        readings = output.readings[index]
        iou, best = best_fits(output.candidates[index], instance)
        member = instance.new_empty(int(instance.max()) + 1)
        member[instance[instance >= 0]] = segment[instance >= 0]  # class of any voxel of each
        fits = iou > _FITS
        of_masks, aligned = self._names(readings.embeddings[fits], member[best[fits]], names)
        of_structure, _ = self._names(output.structure_meanings, self.structure_segments, names)
        return {
            "reading": binary_cross_entropy_with_logits(readings.quality, iou),
            "names": of_masks + of_structure,
            "alignment": aligned,
        }

    def _kinds_of(self, segment: Tensor) -> Tensor:
        """(N,) kind of voxels of these classes, -1 where they have none."""
        return torch.where(segment < 0, -1, self.kinds[segment.clamp(min=0)])

    def _early(
        self, layers: list[Tensor], scene: SceneFeatures, instance: Tensor, wanted: Tensor
    ) -> Tensor:
        coarse = instance.new_empty(len(scene.levels[0]))
        coarse[scene.parents[0]] = instance  # of any of its voxels
        losses = []
        for masks in layers:
            bce, dice, _ = query_losses(masks, coarse, wanted)
            losses.append(self.weights.bce * bce + self.weights.dice * dice)
        return torch.stack(losses).mean()

    def _names(self, embeddings: Tensor, segment: Tensor, names: Tensor) -> tuple[Tensor, Tensor]:
        """Contrast with all names of training, and distance to the right one."""
        # -1: not labelled, or unseen
        target = torch.where(segment < 0, -1, self.texts.rows.to(segment.device)[segment])
        known = target >= 0
        if not bool(known.any()):
            return embeddings.sum() * 0, embeddings.sum() * 0
        cosines = embeddings[known] @ names.t()
        contrast = cross_entropy(
            cosines / self.temperature, target[known], label_smoothing=self.smoothing
        )
        right = cosines.gather(1, target[known][:, None])
        return contrast, (1 - right).mean()


@torch.no_grad()
def best_fits(masks: Tensor, instance: Tensor) -> tuple[Tensor, Tensor]:
    """IoU of each mask with the instance that fits it best, and that instance.

    Args:
        masks: (M, N) bool.
        instance: (N,) id of each voxel, negative for those of none; `UNKNOWN` ones do not count.

    Returns:
        (M,) float32 and (M,) int64.
    """
    masks = masks & (instance != UNKNOWN)
    count = int(instance.max()) + 1
    owner, rows = masks.nonzero(as_tuple=True)
    hit = instance[rows] >= 0
    place = owner[hit] * count + instance[rows[hit]]
    both = torch.bincount(place, minlength=len(masks) * count).view(len(masks), count)
    sizes = torch.bincount(instance[instance >= 0], minlength=count)
    union = masks.sum(dim=1, keepdim=True) + sizes - both
    return (both / union.clamp(min=1)).max(dim=1)


def query_losses(masks: Tensor, instance: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cross entropy in shares of the object's size, dice, and the IoU that was reached.

    Args:
        masks: (Q, N) logits.
        instance: (N,) id of each voxel, -1 for those of no object; `UNKNOWN` ones count for
            nothing.
        wanted: (Q,) id that each query has to find.

    Returns:
        Mean cross entropy and dice loss over the queries, (Q,) IoU without gradient.
    """
    labelled = (instance != UNKNOWN).nonzero()[:, 0]
    masks = masks[:, labelled]
    target = (instance[labelled] == wanted[:, None]).to(masks.dtype)
    sizes = target.sum(dim=1)
    bce = binary_cross_entropy_with_logits(masks, target, reduction="none").sum(dim=1)
    probability = masks.sigmoid()
    dice = dice_loss(probability, target)
    with torch.no_grad():
        inside = (masks > 0).to(masks.dtype)
        hit = (inside * target).sum(dim=1)
        iou = hit / (inside.sum(dim=1) + sizes - hit).clamp(min=1)
    return (bce / (sizes + _SMALLEST)).mean(), dice.mean(), iou


def structure_loss(logits: Tensor, kinds: Tensor) -> Tensor:
    """Mean cross entropy of the kinds of a scene, each weighted by the root of its size.

    Args:
        logits: (N, 4).
        kinds: (N,) right one of each voxel, -1 where it is not known.
    """
    sizes = torch.bincount(kinds[kinds >= 0], minlength=logits.shape[1]).to(logits.dtype)
    weights = sizes.sqrt() / sizes.clamp(min=1)
    if not bool((sizes > 0).any()):
        return logits.sum() * 0
    return cross_entropy(logits, kinds, weight=weights, ignore_index=-1)


def vote_losses(scene: SceneFeatures, instance: Tensor) -> tuple[Tensor, Tensor]:
    """Errors of the votes: in shares of the object's radius, and in the radius' logarithm.

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
