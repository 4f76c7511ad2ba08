"""Checkpoints of a training: writing, finding, averaging of weights."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import torch
from torch import nn

from seg3d_ros.files import replacing
from seg3d_ros.networks.checkpoint import CheckpointError

FILE_NAME = "checkpoint.pt"


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint whole or not at all."""
    with replacing(path) as temporary:
        torch.save(state, temporary)


def find_checkpoint(resume: str | None, folder: Path) -> Path | None:
    """Path of the checkpoint to resume from; None for a new start.

    Args:
        resume: a file; "auto" for that in `folder`, if there is one; None for a new start.
        folder: where training writes.

    Raises:
        FileNotFoundError: the file was named and is not there.
    """
    if resume is None:
        return None
    path = folder / FILE_NAME if resume == "auto" else Path(resume).expanduser()
    if path.is_file():
        return path
    if resume == "auto":
        return None
    raise FileNotFoundError(f"no checkpoint {path}; train.resume=null starts anew")


def load_checkpoint(path: Path, *, device: torch.device) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote; a file cannot run code.

    Raises:
        CheckpointError: it is something else, or damaged.
    """
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise CheckpointError(f"{path} is damaged, or no checkpoint of a training") from error
    if not isinstance(state, dict) or "optimizers" not in state:
        raise CheckpointError(
            f"{path} holds weights, not a training; start from it with paths.ckpt_path={path}"
        )
    return state


class AveragedWeights:
    """Exponential moving average of a network's weights, often better than the last ones.

    Tarvainen and Valpola, "Mean teachers are better role models" (2017). Early on the average
    forgets faster, so that the random start is soon out of it.

    Attributes:
        model: a copy of the network that carries the average.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        """Args: `decay` in (0, 1), share of the average that stays at each step."""
        self.model = copy.deepcopy(model).requires_grad_(False).eval()
        self._decay = decay

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take in the weights after a step, counted from 0; buffers too."""
        share = 1 - min(self._decay, (1 + step) / (10 + step))
        current = model.state_dict()
        for name, average in self.model.state_dict().items():
            if average.is_floating_point():
                average.lerp_(current[name], share)
            else:
                average.copy_(current[name])
