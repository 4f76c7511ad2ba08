"""Learner: one training step of losses, gradients, weights."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from seg3d_ros.errors import InputError
from seg3d_ros.networks.batch import SceneBatch
from seg3d_ros.training.checkpoint import AveragedWeights
from seg3d_ros.training.optimizers import OptimizerName, optimizers_of
from seg3d_ros.training.processes import Processes

logger = logging.getLogger(__name__)

MAX_SKIPPED = 5  # steps in a row without a finite loss or gradient
_AUTOCAST = {"32": None, "16-mixed": torch.float16, "bf16-mixed": torch.bfloat16}


class DivergedError(InputError):
    """The loss was no finite number too often."""


@dataclass(frozen=True)
class LearnerSettings:
    """Settings of the learner; the defaults and what they mean are in configs/train.yaml."""

    optimizer: OptimizerName
    weight_decay: float
    clip_norm: float | None
    precision: Literal["32", "16-mixed", "bf16-mixed"]
    ema_decay: float
    seed: int

    def __post_init__(self) -> None:
        if self.precision not in _AUTOCAST:
            raise InputError(f"precision {self.precision!r}; give one of {', '.join(_AUTOCAST)}")


@dataclass(frozen=True, eq=False)
class Step:
    """Result of a step.

    Attributes:
        losses: the objective's, by name, scalars without gradient.
        output: of the model.
        gradient_norm: before clipping, finite; None where the step was skipped.
        rate: the learning rate.
    """

    losses: Mapping[str, Tensor]
    output: Any
    gradient_norm: float | None
    rate: float


class Learner:
    """Network, objective, optimizer and their state.

    With several processes the gradients are the mean over them. Losses that are not finite in
    any process are skipped in all.

    Args:
        model: takes a `SceneBatch`; is moved to the device of the processes.
        objective: takes the model's output and the batch, and gives losses by name; "total" is
            the one that is made smaller. Its and the model's chance must come from torch.
        settings: how.
        processes: that train together.
    """

    def __init__(
        self,
        model: nn.Module,
        objective: nn.Module,
        *,
        settings: LearnerSettings,
        processes: Processes | None = None,
    ) -> None:
        self.processes = processes or Processes()
        self.settings = settings
        device = self.processes.device
        self._task = _Task(model, objective).to(device)
        self._optimizers = optimizers_of(
            self._task, settings.optimizer, weight_decay=settings.weight_decay
        )
        # It starts at 65,536; half a step at a time would waste more steps on the way down.
        self._scaler = torch.amp.GradScaler(
            device.type, backoff_factor=0.25, enabled=settings.precision == "16-mixed"
        )
        self._average = (
            AveragedWeights(model, settings.ema_decay) if settings.ema_decay > 0 else None
        )
        self._shared = _shared(self._task, self.processes)
        self._skipped_in_a_row = 0

    @property
    def model(self) -> nn.Module:
        """The network to use: with averaged weights if there are any."""
        return self._average.model if self._average else self._task.model

    def learn(self, batch: SceneBatch, *, step: int, rate: float) -> Step:
        """Change the weights by one step.

        Args:
            batch: of this process.
            step: its number; all randomness depends on it and the seed.
            rate: learning rate.

        Raises:
            DivergedError: loss or gradient were not finite for the `MAX_SKIPPED`th time in a row.
        """
        self._seed(step)
        self._task.train()
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.zero_grad()
        with self._autocast():
            losses, output = self._shared(batch)
        norm = self._descend(losses["total"])
        self._count(norm, losses["total"], step)
        if self._average and norm is not None:
            self._average.update(self._task.model, step)
        detached = {name: loss.detach() for name, loss in losses.items()}
        return Step(detached, output, norm, rate)

    @torch.no_grad()
    def losses(self, batch: SceneBatch) -> dict[str, Tensor]:
        """The objective on a batch for the network to use, as it is outside of training."""
        self._seed(0)
        task = _Task(self.model, self._task.objective).eval()
        with self._autocast():
            losses, _ = task(batch)
        return losses

    def state_dict(self) -> dict[str, Any]:
        """Tensors and numbers; "state_dict" is the network to use, the rest is to go on from."""
        return {
            "state_dict": self.model.state_dict(),
            "task": self._task.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
            "scaler": self._scaler.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave.

        Raises:
            KeyError, RuntimeError, ValueError: it is of another network.
        """
        self._task.load_state_dict(state["task"])
        self.model.load_state_dict(state["state_dict"])
        for optimizer, kept in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
            for group in optimizer.param_groups:
                group["weight_decay"] = self.settings.weight_decay  # not that of the checkpoint
        self._scaler.load_state_dict(state["scaler"])

    def _descend(self, total: Tensor) -> float | None:
        """Gradient, clipping, new weights; the norm of the gradient, None if it is not finite.

        With several optimizers either all of them step or none: clipping has multiplied the
        finite gradients of one by the norm of all.
        """
        if self.processes.any(not bool(total.isfinite())):
            return None
        torch.autograd.backward(self._scaler.scale(total))
        for optimizer in self._optimizers:
            self._scaler.unscale_(optimizer)
        limit = self.settings.clip_norm or float("inf")
        norm = float(nn.utils.clip_grad_norm_(self._task.parameters(), limit))
        if np.isfinite(norm):
            for optimizer in self._optimizers:
                self._scaler.step(optimizer)
        self._scaler.update()
        return norm if np.isfinite(norm) else None

    def _count(self, norm: float | None, total: Tensor, step: int) -> None:
        """Count steps in a row that are skipped, but not those that only the scaler needs."""
        if norm is not None:
            self._skipped_in_a_row = 0
            return
        scale = self._scaler.get_scale()  # 1 without a scaler
        if self._scaler.is_enabled() and scale >= 1 and bool(total.isfinite()):
            logger.info("step %d is skipped: gradients are scaled by %g from now on", step, scale)
            return
        self._skipped_in_a_row += 1
        logger.warning("step %d is skipped: its loss or gradient is not finite", step)
        if self._skipped_in_a_row >= MAX_SKIPPED:
            raise DivergedError(
                f"no finite loss or gradient in {MAX_SKIPPED} steps up to {step}; lower train.lr, "
                "or go on from the last checkpoint with train.precision=32"
            )

    def _autocast(self) -> contextlib.AbstractContextManager[None]:
        dtype = _AUTOCAST[self.settings.precision]
        if dtype is None:
            return contextlib.nullcontext()
        return torch.autocast(self.processes.device.type, dtype)

    def _seed(self, step: int) -> None:
        """Seed the step: the same numbers when resumed, others in each process."""
        sequence = np.random.SeedSequence((self.settings.seed, self.processes.rank, step))
        torch.manual_seed(int(sequence.generate_state(1, np.uint64)[0]))


class _Task(nn.Module):
    """Model and objective as one module, so that the gradients of both are shared."""

    def __init__(self, model: nn.Module, objective: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.objective = objective

    def forward(self, batch: SceneBatch) -> tuple[dict[str, Tensor], Any]:
        output = self.model(batch)
        return self.objective(output, batch), output


class _WholeTask(nn.Module):
    """Task with a gradient for every weight.

    In a scene without objects some have none, and other processes would wait for it.
    """

    def __init__(self, task: _Task) -> None:
        super().__init__()
        self.task = task

    def forward(self, batch: SceneBatch) -> tuple[dict[str, Tensor], Any]:
        losses, output = self.task(batch)
        nothing = sum(weight.sum() for weight in self.parameters()) * 0
        return {**losses, "total": losses["total"] + nothing}, output


def _shared(task: _Task, processes: Processes) -> nn.Module:
    if processes.count == 1:
        return task
    devices = [processes.device] if processes.device.type == "cuda" else None
    return DistributedDataParallel(_WholeTask(task), device_ids=devices)
