"""Model that a file of weights belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seg3d_ros.networks.checkpoint import (
    PARALLEL_PREFIX,
    REFERENCE_SCALAR,
    CheckpointError,
    read_checkpoint,
)
from seg3d_ros.networks.spaceformer.network import CHECKPOINT_PREFIX
from seg3d_ros.networks.trained import parse_recipe

_RELEASED = {  # beginning of a name that only this model has
    "decoder.sp_seg_head.": "lassm",
    "pc_decoder.": "xmask3d",
}
_OF_TARGET = {
    "seg3d_ros.networks.mini.Mini": "mini",
    "seg3d_ros.networks.maskformer.MaskFormer": "maskformer",
    "seg3d_ros.networks.lassm.network.LaSSM": "lassm",
    "seg3d_ros.training.xmask3d_training.training_network": "xmask3d",
}


def segmenter_of_checkpoint(path: str | Path) -> str:
    """Name of the segmenter whose weights a checkpoint holds.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it is damaged, or holds the weights of no segmenter.
    """
    path = Path(path).expanduser()
    loaded = read_checkpoint(path, allowed=REFERENCE_SCALAR)
    if "recipe" in loaded:
        target = _target(loaded["recipe"])
        if target in _OF_TARGET:
            return _OF_TARGET[target]
        raise CheckpointError(f"{path} holds a network that is no segmenter of scenes: {target}")
    state = loaded.get("state_dict")
    names = list(map(str, state)) if isinstance(state, Mapping) else []
    if any(name.startswith(CHECKPOINT_PREFIX) for name in names):
        return "spaceformer"
    for beginning, model in _RELEASED.items():
        if any(name.removeprefix(PARALLEL_PREFIX).startswith(beginning) for name in names):
            return model
    raise CheckpointError(
        f"{path} holds the weights of none of mini, maskformer, spaceformer, lassm and xmask3d; "
        "if it is one of them, say which with --model"
    )


def _target(recipe: Any) -> str:
    try:
        return str(parse_recipe(recipe)["model"]["_target_"])
    except (LookupError, TypeError, ValueError):
        return "unknown"
