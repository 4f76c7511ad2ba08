"""Optimizers: AdamW for all weights, or Muon for the matrices."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import nn
from torch.optim import AdamW, Optimizer

from seg3d_ros.errors import InputError

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
        InputError: there is no such optimizer, or not in this version of PyTorch.
    """
    if name not in get_args(OptimizerName):
        raise InputError(f"optimizer {name!r}; give one of {', '.join(get_args(OptimizerName))}")
    if name == "adamw":
        return (AdamW(module.parameters(), weight_decay=weight_decay),)
    try:
        from torch.optim import Muon
    except ImportError as error:
        raise InputError(
            f"the optimizer muon needs torch 2.9 or newer, this is {torch.__version__}; update "
            "it, or train with train.optimizer=adamw"
        ) from error
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for weight in module.parameters():
        is_matrix = weight.ndim == 2 and min(weight.shape) >= _SMALLEST
        (matrices if is_matrix else others).append(weight)
    if not matrices:
        raise InputError(
            f"muon is for matrices of {_SMALLEST} x {_SMALLEST} or more, and the network has "
            "none; train with train.optimizer=adamw"
        )
    return (
        Muon(matrices, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"),
        AdamW(others, weight_decay=weight_decay),
    )
