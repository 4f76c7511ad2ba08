"""What changes the weights: AdamW for all of them, or Muon for the matrices."""

from __future__ import annotations

from typing import Literal, get_args

from torch import nn
from torch.optim import AdamW, Muon, Optimizer

OptimizerName = Literal["adamw", "muon"]
_SMALLEST = 32  # rows and columns of a matrix that Muon is for


def optimizers_of(
    module: nn.Module, name: OptimizerName, *, weight_decay: float
) -> tuple[Optimizer, ...]:
    """Optimizers that have each weight of a module once; all take the same learning rate.

    Muon (Jordan 2024) gives the step of a matrix singular values of 1. That takes fewer steps than
    AdamW where transformers are trained; what is no matrix, or a thin one, is left to AdamW. Steps
    are as large as AdamW's, after Liu et al., "Muon is scalable for LLM training" (2025).

    Raises:
        ValueError: there is no such optimizer.
    """
    if name not in get_args(OptimizerName):
        raise ValueError(f"optimizer {name!r}; give one of {', '.join(get_args(OptimizerName))}")
    if name == "adamw":
        return (AdamW(module.parameters(), weight_decay=weight_decay),)
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for weight in module.parameters():
        is_matrix = weight.ndim == 2 and min(weight.shape) >= _SMALLEST
        (matrices if is_matrix else others).append(weight)
    return (
        Muon(matrices, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"),
        AdamW(others, weight_decay=weight_decay),
    )
