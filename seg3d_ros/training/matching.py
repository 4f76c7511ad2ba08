"""Assignment of queries to instances at the least cost.

Carion et al., "End-to-End Object Detection with Transformers" (2020), section 3.1, with the mask
costs of Cheng et al., "Masked-attention Mask Transformer for Universal Image Segmentation"
(2022).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn.functional import softplus

from seg3d_ros.networks.maskformer.network import class_probabilities
from seg3d_ros.training.targets import Targets


@dataclass(frozen=True)
class MaskWeights:
    """Weights of classes and masks, in the assignment as in the loss.

    Attributes:
        cls: probability of the class in the assignment, cross entropy in the loss.
        bce: binary cross entropy of the mask, mean over the points.
        dice: its overlap.
    """

    cls: float = 1.0
    bce: float = 5.0
    dice: float = 5.0


@torch.no_grad()
def match(
    logits: Tensor, masks: Tensor, targets: Targets, *, weights: MaskWeights
) -> tuple[Tensor, Tensor]:
    """Assign queries to targets one to one.

    Args:
        logits: (Q, C + 1) of the classes.
        masks: (Q, P) mask logits.
        targets: M of them.
        weights: of the parts of the cost.

    Returns:
        Two (min(Q, M),) int64: queries, ascending, and the target of each.
    """
    cost = matching_cost(logits, masks, targets, weights=weights)
    # A diverged network must end in a loss that is not finite, not in an error of the solver.
    rows, columns = linear_sum_assignment(cost.nan_to_num().cpu().numpy())
    return (
        torch.from_numpy(rows).to(logits.device),
        torch.from_numpy(columns).to(logits.device),
    )


def matching_cost(
    logits: Tensor, masks: Tensor, targets: Targets, *, weights: MaskWeights
) -> Tensor:
    """(Q, M) cost of each query becoming each target; arguments as those of `match`."""
    masks, wanted = masks.float(), targets.masks.to(torch.float32).t()  # (Q, P), (P, M)
    cls = -class_probabilities(logits)[:, targets.labels]
    # Cross entropy with logits is softplus(x) - x t: no (Q, M, P) array is needed.
    bce = (softplus(masks).sum(dim=1, keepdim=True) - masks @ wanted) / masks.shape[1]
    probability = masks.sigmoid()
    sizes = probability.sum(dim=1, keepdim=True) + wanted.sum(dim=0)
    dice = 1 - (2 * (probability @ wanted) + 1) / (sizes + 1)
    return weights.cls * cls + weights.bce * bce + weights.dice * dice
