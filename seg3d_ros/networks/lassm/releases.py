"""The released LaSSM models: sizes, classes, and files as their trainer writes them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from seg3d_ros.networks.checkpoint import (
    PARALLEL_PREFIX,
    REFERENCE_SCALAR,
    CheckpointError,
    load_strictly,
    read_checkpoint,
    tensors_in,
)
from seg3d_ros.networks.lassm.decoder import LassmDecoder
from seg3d_ros.networks.lassm.inputs import InputConfig
from seg3d_ros.networks.lassm.network import Backbone, LaSSM
from seg3d_ros.networks.lassm.spunet import SpUNet
from seg3d_ros.networks.meta import without_weights
from seg3d_ros.networks.minkunet34c import MinkUNet34C
from seg3d_ros.text.vocabulary_files import load_vocabulary_file

_HOLDERS = ("state_dict", "model", "net")  # of trainers of Pointcept, and of SPFormer


@dataclass(frozen=True)
class Release:
    """One of the released models.

    Attributes:
        backbone: builds it.
        num_classes: without "no object".
        top_k: pairs of query and class that its results were published with.
        inputs: what it was trained to see.
        vocabulary: bundled list whose labels are its classes, background ones left out.
        width: channels of the queries.
    """

    backbone: Callable[[], Backbone]
    num_classes: int
    top_k: int
    inputs: InputConfig
    vocabulary: str
    width: int = 256

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, in their order."""
        labels = load_vocabulary_file(self.vocabulary)
        return [label for label in labels if not label.startswith("-")]

    def build(self) -> LaSSM:
        """The network with random weights."""
        backbone = self.backbone()
        decoder = LassmDecoder(backbone.out_channels, self.num_classes, width=self.width)
        return LaSSM(backbone, decoder, self.inputs)


RELEASES = {
    "scannet": Release(SpUNet, 18, 200, InputConfig(turn=0.35 * math.pi), "scannet20"),
    "scannet200": Release(
        MinkUNet34C, 198, 600, InputConfig(grid_from="origin", with_positions=False), "scannet200"
    ),
    "scannetpp": Release(SpUNet, 84, 300, InputConfig(), "scannetpp"),
}


def load_released(path: str | Path) -> tuple[LaSSM, Release]:
    """A released network, ready for inference on the CPU.

    Args:
        path: a checkpoint of the reference's trainer.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it is damaged, or holds another network; names what is missing, extra or
            of another shape.
    """
    return build_released(read_checkpoint(path, allowed=REFERENCE_SCALAR), source=path)


def build_released(checkpoint: Mapping[str, Any], *, source: str | Path) -> tuple[LaSSM, Release]:
    """Released network from the content of its file, ready for inference on the CPU.

    Args:
        checkpoint: content of the file.
        source: its path, for errors.

    Raises:
        CheckpointError: it holds another network.
    """
    state = _weights(checkpoint, source)
    release = _release_of(state, source)
    with without_weights():
        network = release.build()
    load_strictly(network, state, source=str(source))
    return network.eval(), release


def read_released(path: str | Path) -> dict[str, Tensor]:
    """Weights in a checkpoint of the reference's trainer, by the names of `LaSSM`.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it is damaged, or holds more than weights.
    """
    return _weights(read_checkpoint(path, allowed=REFERENCE_SCALAR), path)


def _weights(checkpoint: Mapping[str, Any], source: str | Path) -> dict[str, Tensor]:
    held = next((checkpoint[key] for key in _HOLDERS if key in checkpoint), checkpoint)
    state = tensors_in(held, source=source)
    return {name.removeprefix(PARALLEL_PREFIX): tensor for name, tensor in state.items()}


def _release_of(state: Mapping[str, Tensor], path: str | Path) -> Release:
    """The release with as many classes."""
    head = state.get("decoder.out_cls.2.weight")
    classes = None if head is None else len(head) - 1
    for release in RELEASES.values():
        if release.num_classes == classes:
            return release
    raise CheckpointError(
        f"{path} holds none of the released LaSSM models, which have "
        f"{', '.join(str(release.num_classes) for release in RELEASES.values())} classes; "
        + ("it has no LaSSM decoder" if classes is None else f"it has {classes}")
    )
