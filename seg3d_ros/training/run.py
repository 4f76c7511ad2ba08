"""Training from a configuration."""

from __future__ import annotations

import dataclasses
import logging
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from seg3d_ros.datasets.scene_dataset import ScanNetDataset, load_class_names
from seg3d_ros.errors import InputError
from seg3d_ros.kernels import numba
from seg3d_ros.training.checkpoint import find_checkpoint
from seg3d_ros.training.first_weights import load_first_weights
from seg3d_ros.training.learner import Learner, LearnerSettings
from seg3d_ros.training.metrics_logger import Journal
from seg3d_ros.training.processes import Processes, joined
from seg3d_ros.training.trainer import LabelledDataset, Listener, Trainer, TrainerSettings
from seg3d_ros.training.view_dataset import ViewDataset
from seg3d_ros.training.viewer import TrainingViewer, VizSettings

logger = logging.getLogger(__name__)

Settings = TypeVar("Settings")


def run(config: DictConfig) -> None:
    """Train as a configuration of `seg3d_ros.training.config` says.

    Raises:
        FileNotFoundError: data or a checkpoint are missing.
        InputError: something in the configuration does not fit; the loss is no number.
    """
    with joined(config.device) as processes:
        if config.train.threads is not None:
            torch.set_num_threads(config.train.threads)
            numba.set_num_threads(min(config.train.threads, numba.config.NUMBA_NUM_THREADS))
        trainer = _trainer(config, processes)
        with ExitStack() as stack:
            listeners = _listeners(config, trainer, stack) if processes.is_first else []
            trainer.fit(listeners)
    logger.info("stopped after step %d of %d", trainer.step, trainer.total_steps)


def _trainer(config: DictConfig, processes: Processes) -> Trainer:
    folder = Path(config.paths.output_dir).expanduser()
    train_set = _dataset(config, config.data.train_split, augmented=True)
    val_set = _dataset(config, config.data.val_split) if config.data.val_split else None
    torch.manual_seed(config.seed)  # the same first weights in all processes
    model = _built(config.model)
    if config.paths.ckpt_path:
        load_first_weights(model, config.paths.ckpt_path)
    learner = Learner(
        model,
        _built(config.loss),
        settings=_settings(LearnerSettings, config),
        processes=processes,
    )
    trainer = Trainer(
        learner,
        train_set,
        val_set,
        settings=_settings(TrainerSettings, config),
        schedule=_built(config.schedule),
        folder=folder,
        recipe=OmegaConf.to_yaml(config, resolve=True),
    )
    checkpoint = find_checkpoint(config.train.resume, folder)
    if checkpoint:
        trainer.resume(checkpoint)
    return trainer


def _dataset(config: DictConfig, split: str, *, augmented: bool = False) -> LabelledDataset:
    data = config.data
    scenes = ScanNetDataset(
        config.paths.data_dir,
        split,
        label_set=data.label_set,
        voxel_size=data.voxel_size,
        drop_stuff=data.drop_stuff,
        ignore_index=data.ignore_index,
        superpoints=data.superpoints,
        transform=_built(data.train_transform) if augmented else None,
        seed=config.seed,
    )
    if data.get("views"):
        return ViewDataset(scenes, turned=augmented, seed=config.seed)
    return scenes


def _built(config: DictConfig | None) -> Any:
    """The object that a part of the configuration describes."""
    try:
        return instantiate(config)
    except InstantiationException as error:
        target = config and config.get("_target_")
        raise InputError(f"cannot build {target}: {error.__cause__ or error}") from error


def _settings(kind: type[Settings], config: DictConfig) -> Settings:
    """Those keys of `train` that a class of settings has."""
    # On a command line 32 is a number.
    values = {**config.train, "precision": str(config.train.precision), "seed": config.seed}
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    return kind(**{name: values[name] for name in names})


def _listeners(config: DictConfig, trainer: Trainer, stack: ExitStack) -> list[Listener]:
    folder = Path(config.paths.output_dir).expanduser()
    steps = {"first": trainer.step, "total": trainer.total_steps}
    listeners: list[Listener] = [
        stack.enter_context(Journal(folder, every=config.train.log_every, **steps))
    ]
    if config.viz.enabled:
        names = load_class_names(config.data.label_set, config.paths.data_dir)
        viewer = TrainingViewer(VizSettings(**config.viz), class_names=names)
        listeners.append(stack.enter_context(viewer))
    return listeners
