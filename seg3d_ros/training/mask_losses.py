"""Losses of masks that are matched to instances."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


def bce_loss(masks: Tensor, wanted: Tensor) -> Tensor:
    """Binary cross entropy, mean over all points of all masks.

    Args:
        masks: (M, P) logits.
        wanted: (M, P) bool.
    """
    return binary_cross_entropy_with_logits(masks, wanted.to(masks.dtype))


def dice_loss(
    probability: Tensor, target: Tensor, *, slack: float = 1.0, squared: bool = False
) -> Tensor:
    """One less the Dice coefficient of each mask, (...).

    Milletari et al., "V-Net" (2016).

    Args:
        probability: (..., P) of the points.
        target: (..., P) 0 or 1, in the type of the probabilities.
        slack: number of points that keeps empty masks finite.
        squared: sizes are sums of squared probabilities, as in the paper.
    """
    both = (probability * target).sum(dim=-1)
    sizes = (probability.square() if squared else probability).sum(dim=-1) + target.sum(dim=-1)
    return 1 - (2 * both + slack) / (sizes + slack)
