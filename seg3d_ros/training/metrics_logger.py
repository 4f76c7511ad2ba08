"""Progress of a training: TensorBoard, log lines and a progress bar."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from seg3d_ros.networks.batch import SceneBatch
from seg3d_ros.training.learner import Step

logger = logging.getLogger(__name__)


class Journal:
    """Logger of a training's metrics until the end of its `with` block.

    Args:
        folder: for the files of TensorBoard.
        first: steps done before; what the files hold beyond them is forgotten.
        total: steps.
        every: steps between entries, each of which is a mean over them.
    """

    def __init__(self, folder: Path, *, first: int, total: int, every: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ImportError(
                "training needs tensorboard; install it with pip install 'seg3d_ros[train]'"
            ) from error
        self._writer = SummaryWriter(str(folder), purge_step=first + 1)
        self._bar = tqdm(initial=first, total=total, unit="step", disable=None)
        self._log_beside_bar = logging_redirect_tqdm()
        self._every = every
        self._losses: list[dict[str, Tensor]] = []  # not whole steps: their outputs are large
        self._skipped = 0
        self._count = 0
        self._since = time.monotonic()

    def __enter__(self) -> Journal:
        self._log_beside_bar.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._log_beside_bar.__exit__(None, None, None)
        self._bar.close()
        self._writer.close()

    def after_step(self, steps: int, batch: SceneBatch, result: Step) -> None:
        """See `Listener`."""
        self._bar.update()
        self._count += 1
        if result.gradient_norm is None:
            self._skipped += 1
        else:
            norm = torch.tensor(result.gradient_norm)
            self._losses.append({**result.losses, "gradient_norm": norm})
        if steps % self._every:
            return
        seconds = (time.monotonic() - self._since) / self._count
        means = _means(self._losses)
        extra = {"rate": result.rate, "skipped": self._skipped, "seconds_per_step": seconds}
        self._write("train", steps, means | extra)
        total = self._bar.total
        logger.info("step %d/%d, %.2f s each: %s", steps, total, seconds, _line(means))
        self._start_anew()

    def after_validation(self, steps: int, losses: Mapping[str, float]) -> None:
        """See `Listener`."""
        self._write("val", steps, losses)
        logger.info("validation after step %d: %s", steps, _line(losses))
        self._start_anew()

    def _write(self, group: str, steps: int, scalars: Mapping[str, float]) -> None:
        for name, value in scalars.items():
            self._writer.add_scalar(f"{group}/{name}", value, steps)

    def _start_anew(self) -> None:
        self._losses, self._count, self._since = [], 0, time.monotonic()


def _means(losses: list[dict[str, Tensor]]) -> dict[str, float]:
    """Mean of each; nothing if all steps were skipped."""
    names = losses[0] if losses else ()
    return {name: torch.stack([step[name] for step in losses]).mean().item() for name in names}


def _line(losses: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in sorted(losses.items()))
