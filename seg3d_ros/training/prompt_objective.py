"""Losses of Point-SAM: masks, and the estimate of their IoU."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, normalize

from seg3d_ros.networks.batch import SceneBatch
from seg3d_ros.networks.point_sam.network import Candidates
from seg3d_ros.training.click_rounds import ClickRounds
from seg3d_ros.training.mask_losses import dice_loss

_FOCUS = 2.0  # exponent of the focal loss
_DICE_WEIGHT = 2.0
_DICE_SLACK = 1e-3


class PromptObjective(nn.Module):
    """Focal, dice and IoU losses, the mean over all rounds of clicks and all crops.

    The IoU to predict is that with the whole object, also where a crop holds but a part of it: it
    is what crops of several sizes are compared by.

    Args:
        common: share of the losses that all candidates for a click have in common; the rest is for
            the best alone. Point-SAM has 0: candidates become different readings of a click, which
            is of use only to a network that knows well which one is right.
        affinity: weight of a loss on the tokens of patches: those of one object are to be alike,
            those of two different. It is no part of the method, and makes small networks learn
            from all objects of a crop at once.
    """

    def __init__(self, *, common: float = 0.0, affinity: float = 0.0) -> None:
        super().__init__()
        self._affinity = affinity
        self._common = common
        self.sharpness = nn.Parameter(torch.tensor([10.0, -5.0]))  # of cosines: factor and offset

    def forward(self, output: Sequence[ClickRounds], batch: SceneBatch) -> dict[str, Tensor]:
        """Scalars: "total", and its parts "mask", "predicted_iou" and "affinity"."""
        rounds = [self._round_losses(answer, crop) for crop in output for answer in crop.answers]
        mask, predicted_iou = torch.stack([torch.stack(parts) for parts in rounds]).mean(0)
        losses = {"mask": mask, "predicted_iou": predicted_iou}
        total = mask + predicted_iou
        if self._affinity:
            affinity = torch.stack([self._affinity_loss(crop) for crop in output]).mean()
            losses["affinity"] = affinity
            total = total + self._affinity * affinity
        return {"total": total, **losses}

    def _round_losses(self, answer: Candidates, crop: ClickRounds) -> tuple[Tensor, Tensor]:
        """Loss of the masks and of their predicted IoU."""
        losses = focal_dice_loss(answer.logits, crop.targets)
        best = losses.argmin(1, keepdim=True)
        iou = intersection_over_union(answer.logits > 0, crop.targets, crop.missing)
        errors = (answer.predicted_iou.float() - iou).square()
        return self._shared(losses, best), self._shared(errors, best)

    def _shared(self, losses: Tensor, best: Tensor) -> Tensor:
        """Mean of (S, K) losses over the best of each row and, with its share, over all."""
        return (1 - self._common) * losses.gather(1, best).mean() + self._common * losses.mean()

    def _affinity_loss(self, crop: ClickRounds) -> Tensor:
        """Cross entropy of pairs of patches; alike and different ones count the same in all."""
        known = crop.patch_instance >= 0
        tokens = normalize(crop.tokens[0, known].float(), dim=-1)
        instance = crop.patch_instance[known]
        factor, offset = self.sharpness
        logits = factor * (tokens @ tokens.T) + offset
        alike = (instance[:, None] == instance).float()
        share = alike.mean().clamp(1e-3, 1 - 1e-3)
        weight = torch.where(alike > 0, 0.5 / share, 0.5 / (1 - share))
        return binary_cross_entropy_with_logits(logits, alike, weight=weight)


def focal_dice_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Focal loss (Lin et al. 2017) plus twice the dice loss (Milletari et al. 2016).

    Args:
        logits: (S, K, N).
        targets: (S, N) bool.

    Returns:
        (S, K).
    """
    logits = logits.float()
    wanted = targets[:, None].to(logits.dtype).expand_as(logits)
    probability = logits.sigmoid()
    wrong = (probability - wanted).abs()
    entropy = binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    focal = (wrong**_FOCUS * entropy).mean(-1)
    dice = dice_loss(probability, wanted, slack=_DICE_SLACK, squared=True)
    return focal + _DICE_WEIGHT * dice


def intersection_over_union(masks: Tensor, targets: Tensor, missing: Tensor) -> Tensor:
    """Of masks with whole objects, also where a crop holds parts of them.

    Args:
        masks: (S, K, N) bool.
        targets: (S, N) bool.
        missing: (S,) how many points of the objects are not among the N.

    Returns:
        (S, K); 0 where both are empty.
    """
    both = (masks & targets[:, None]).sum(-1)
    either = (masks | targets[:, None]).sum(-1) + missing[:, None]
    return both / either.clamp_min(1)
