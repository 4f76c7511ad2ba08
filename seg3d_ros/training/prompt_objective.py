"""What Point-SAM is trained for: masks that fit, and knowing how well they do."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from seg3d_ros.networks.batch import SceneBatch
from seg3d_ros.networks.point_sam import Candidates
from seg3d_ros.training.click_rounds import ClickRounds

_FOCUS = 2.0  # exponent of the focal loss
_DICE_WEIGHT = 2.0
_DICE_SLACK = 1e-3


class PromptObjective(nn.Module):
    """Focal, dice and IoU losses of the best candidate, the mean over all rounds of clicks."""

    def forward(self, output: ClickRounds, batch: SceneBatch) -> dict[str, Tensor]:
        """Scalars: "total", and its parts "mask" and "predicted_iou"."""
        rounds = [_round_losses(answer, output.targets) for answer in output.answers]
        mask, predicted_iou = torch.stack([torch.stack(parts) for parts in rounds]).mean(0)
        return {"total": mask + predicted_iou, "mask": mask, "predicted_iou": predicted_iou}


def _round_losses(answer: Candidates, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Loss of the masks and of their predicted IoU; only the best of several candidates learns."""
    losses = mask_losses(answer.logits, targets)
    best = losses.argmin(1, keepdim=True)
    iou = intersection_over_union(answer.logits > 0, targets)
    error = (answer.predicted_iou.float() - iou).gather(1, best)
    return losses.gather(1, best).mean(), error.square().mean()


def mask_losses(logits: Tensor, targets: Tensor) -> Tensor:
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
    both = (probability * wanted).sum(-1)
    squares = probability.square().sum(-1) + wanted.sum(-1)
    dice = 1 - (2 * both + _DICE_SLACK) / (squares + _DICE_SLACK)
    return focal + _DICE_WEIGHT * dice


def intersection_over_union(masks: Tensor, targets: Tensor) -> Tensor:
    """(S, K, N) and (S, N) bool -> (S, K); 0 where both are empty."""
    both = (masks & targets[:, None]).sum(-1)
    either = (masks | targets[:, None]).sum(-1)
    return both / either.clamp_min(1)
