"""Weights that a training starts from in place of random ones."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from seg3d_ros.networks.checkpoint import CheckpointError, load_strictly, read_state_dict
from seg3d_ros.networks.lassm.mini_backbone import MiniBackbone
from seg3d_ros.networks.lassm.network import LaSSM
from seg3d_ros.networks.lassm.releases import read_released
from seg3d_ros.networks.xmask3d.checkpoints import read_weights
from seg3d_ros.networks.xmask3d.network import XMask3D

logger = logging.getLogger(__name__)

_BACKBONE = "backbone."
_DECODER = "decoder.sp_seg_head."  # which no other network has
# Layers of LaSSM with a row for each class.
_CLASS_LAYERS = ("decoder.sp_seg_head.2.", "decoder.out_cls.2.")
_UNUSED = "backbone.final."  # Mask3D's has a row for each of its classes
_SPFORMER = ("input_conv.", "unet.", "output_layer.")
_LIGHTNING = "model."


def load_first_weights(model: nn.Module, path: str | Path) -> None:
    """Put the weights of a checkpoint into a network.

    LaSSM may start from a model of other classes, whose last layers are left out, as the released
    model for ScanNet++ did; or from a backbone alone, as the others did: from SPFormer's, Mask3D's
    or, with a `MiniBackbone`, from `mini`.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it is damaged, or of another network; names what does not fit.
    """
    if isinstance(model, LaSSM):
        state = _for_lassm(model, read_released(path), path)
    elif isinstance(model, XMask3D):
        state = read_weights(path)
    else:
        state = read_state_dict(path)
    load_strictly(model, state, source=str(path))


def _for_lassm(model: LaSSM, given: Mapping[str, Tensor], path: str | Path) -> dict[str, Tensor]:
    own = model.state_dict()
    if any(name.startswith(_DECODER) for name in given):
        return _with_own_classes(own, given, path)
    backbone = _backbone(model, given)
    if not backbone:
        raise CheckpointError(
            f"{path} holds neither a LaSSM nor a backbone of SPFormer, Mask3D or mini"
        )
    logger.info("%s holds a backbone; the decoder starts at random", path)
    unused = {name for name in backbone if name.startswith(_UNUSED)}
    kept = {n: t for n, t in own.items() if n in unused or not n.startswith(_BACKBONE)}
    return {**backbone, **kept}


def _with_own_classes(
    own: Mapping[str, Tensor], given: Mapping[str, Tensor], path: str | Path
) -> dict[str, Tensor]:
    state = dict(given)
    for name, tensor in own.items():
        other = state.get(name)
        if name.startswith(_CLASS_LAYERS) and other is not None and len(other) != len(tensor):
            logger.info("%s is of %d classes; %s starts at random", path, len(other) - 1, name)
            state[name] = tensor
    return state


def _backbone(model: LaSSM, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of the backbone, by the names of `LaSSM`; empty if there are none."""
    if isinstance(model.backbone, MiniBackbone):
        known = {f"{_BACKBONE}mini.{name}" for name in model.backbone.mini.state_dict()}
        named = {f"{_BACKBONE}mini.{name}": tensor for name, tensor in given.items()}
        return named if known & named.keys() else {}
    names = {name.removeprefix(_LIGHTNING): tensor for name, tensor in given.items()}
    prefix = _BACKBONE if any(name.startswith(_SPFORMER) for name in names) else ""
    found = {f"{prefix}{name}": tensor for name, tensor in names.items()}
    starts = tuple(_BACKBONE + part for part in _SPFORMER) if prefix else (_BACKBONE,)
    return {name: tensor for name, tensor in found.items() if name.startswith(starts)}
