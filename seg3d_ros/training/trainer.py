"""Trainer: the loop over epochs of any network of scenes, on one process or many."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch.utils.data import DataLoader

from seg3d_ros.datasets.scene_dataset import ScanNetDataset
from seg3d_ros.networks.batch import SceneBatch
from seg3d_ros.networks.checkpoint import CheckpointError
from seg3d_ros.training.checkpoint import FILE_NAME, load_checkpoint, save_checkpoint
from seg3d_ros.training.interruption import interruptions, leave_to_parent
from seg3d_ros.training.learner import Learner, Step
from seg3d_ros.training.sampler import batches_per_epoch, epoch_batches
from seg3d_ros.training.schedule import Schedule
from seg3d_ros.training.view_dataset import ViewDataset

logger = logging.getLogger(__name__)

LabelledDataset = ScanNetDataset | ViewDataset


@dataclass(frozen=True)
class TrainerSettings:
    """Settings of the training; the defaults and what they mean are in configs/train.yaml."""

    batch_size: int
    lr: float
    epochs: int
    max_steps: int | None
    max_minutes: float | None
    num_workers: int
    validate_every: int | None
    checkpoint_minutes: float
    seed: int


class Listener(Protocol):
    """Listener to the progress of a training, which waits meanwhile."""

    def after_step(self, steps: int, batch: SceneBatch, result: Step) -> None:
        """Look at the last of `steps` steps."""

    def after_validation(self, steps: int, losses: Mapping[str, float]) -> None:
        """Look at the mean losses on scenes that are not trained on."""


class Trainer:
    """Trains until it is done, or told to stop.

    Everything random depends on the seed and the step alone: a training that was stopped and
    resumed ends with the weights of one that wasn't.

    Args:
        learner: the network.
        train_set: scenes, or views of them, to learn from.
        val_set: scenes to validate with, if any.
        settings: how long.
        schedule: of the learning rate.
        folder: for the checkpoint.
        recipe: text that goes into the checkpoint, to tell later what was trained.

    Attributes:
        step: batches that each process has seen.
        total_steps: that it shall see.
    """

    def __init__(
        self,
        learner: Learner,
        train_set: LabelledDataset,
        val_set: LabelledDataset | None = None,
        *,
        settings: TrainerSettings,
        schedule: Schedule,
        folder: Path,
        recipe: str = "",
    ) -> None:
        self._learner, self._processes = learner, learner.processes
        self._train_set, self._val_set = train_set, val_set
        self._settings, self._schedule = settings, schedule
        self._folder, self._recipe = folder, recipe
        self._epoch = batches_per_epoch(len(train_set), settings.batch_size, self._processes)
        self.step = 0
        self.total_steps = settings.epochs * self._epoch
        if settings.max_steps is not None:
            self.total_steps = min(self.total_steps, settings.max_steps)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint.

        Raises:
            CheckpointError: it is damaged, or of another network or recipe.
        """
        state = load_checkpoint(path, device=self._processes.device)
        try:
            self._learner.load_state_dict(state)
            self.step = state["step"]
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"{path} is of another network or recipe ({error}); train it with its own, or "
                "choose another paths.output_dir"
            ) from error
        logger.info("going on from %s, step %d", path, self.step)

    def save(self) -> None:
        """Write the checkpoint, in the first process."""
        if self._processes.is_first:
            state = {"step": self.step, "recipe": self._recipe, **self._learner.state_dict()}
            save_checkpoint(self._folder / FILE_NAME, state)

    def fit(self, listeners: Sequence[Listener] = ()) -> None:
        """Train up to the last step, `max_minutes`, SIGTERM or SIGINT; then write a checkpoint.

        Raises:
            DivergedError: the loss was not finite too often in a row.
        """
        clock = _Clock(self._settings)
        with interruptions() as asked:
            for batch in self._batches():
                result = self._learner.learn(batch, step=self.step, rate=self._rate())
                self.step += 1
                for listener in listeners:
                    listener.after_step(self.step, batch, result)
                self._validate_if_due(listeners)
                if clock.checkpoint_is_due():
                    self.save()
                if self._processes.any(asked.is_set() or clock.is_over()):
                    break
            self.save()

    def validate(self, dataset: LabelledDataset) -> dict[str, float]:
        """Mean losses over the scenes of a dataset, with the weights to use."""
        count = self._processes.count
        # Every process takes as many steps, so that all can sum up together; what one looks at
        # beyond the last scene does not count.
        rows = range(self._processes.rank, -(-len(dataset) // count) * count, count)
        batches = self._load(dataset, [[row % len(dataset)] for row in rows])
        sums: dict[str, torch.Tensor] = {}
        for row, batch in zip(rows, batches, strict=True):
            for name, loss in self._learner.losses(batch).items():
                sums[name] = sums.get(name, 0) + loss * (row < len(dataset))
        total = self._processes.sum(torch.stack([sums[name] for name in sorted(sums)]))
        return dict(zip(sorted(sums), (total / len(dataset)).tolist(), strict=True))

    def _rate(self) -> float:
        epoch, epochs = self.step / self._epoch, self.total_steps / self._epoch
        return self._settings.lr * self._schedule(epoch, epochs)

    def _validate_if_due(self, listeners: Sequence[Listener]) -> None:
        if not self._val_set or self.step % (self._settings.validate_every or self._epoch):
            return
        self.save()  # validation may take longer than whoever sends SIGTERM is ready to wait
        losses = self.validate(self._val_set)
        for listener in listeners:
            listener.after_validation(self.step, losses)

    def _batches(self) -> Iterator[SceneBatch]:
        """Batches from this step on; the caller counts the steps."""
        scenes, settings = len(self._train_set), self._settings
        while self.step < self.total_steps:
            epoch, done = divmod(self.step, self._epoch)
            batches = epoch_batches(
                scenes, settings.batch_size, self._processes, seed=settings.seed, epoch=epoch
            )
            self._train_set.epoch = epoch
            left = self.total_steps - self.step
            yield from self._load(self._train_set, batches[done : done + left])

    def _load(self, dataset: LabelledDataset, batches: list[list[int]]) -> Iterator[SceneBatch]:
        loader = DataLoader(
            dataset,
            batch_sampler=batches,
            collate_fn=dataset.collate,
            num_workers=min(self._settings.num_workers, os.cpu_count() or 1),
            worker_init_fn=leave_to_parent,
            pin_memory=self._processes.device.type == "cuda",
        )
        for batch in loader:
            yield batch.to(self._processes.device)


class _Clock:
    """Clock of checkpoints and of the time limit."""

    def __init__(self, settings: TrainerSettings) -> None:
        self._started = self._saved = time.monotonic()
        self._between = 60 * settings.checkpoint_minutes
        minutes = settings.max_minutes
        self._end = float("inf") if minutes is None else self._started + 60 * minutes

    def checkpoint_is_due(self) -> bool:
        """True once every so many minutes."""
        now = time.monotonic()
        if now - self._saved < self._between:
            return False
        self._saved = now
        return True

    def is_over(self) -> bool:
        """Whether training has had its time."""
        return time.monotonic() >= self._end
