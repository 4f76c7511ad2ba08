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


def dice_loss(masks: Tensor, wanted: Tensor) -> Tensor:
    """One less the Dice coefficient, mean over the masks; arguments as those of `bce_loss`.

    Milletari et al., "V-Net" (2016). The ones in it keep empty masks finite.
    """
    probability, target = masks.sigmoid(), wanted.to(masks.dtype)
    both = (probability * target).sum(dim=1)
    sizes = probability.sum(dim=1) + target.sum(dim=1)
    return (1 - (2 * both + 1) / (sizes + 1)).mean()
