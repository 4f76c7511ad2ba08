"""Weights that a training starts from in place of random ones."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from seg3d_ros.networks.checkpoint import load_strictly, read_state_dict
from seg3d_ros.networks.lassm.network import LaSSM
from seg3d_ros.networks.lassm.releases import read_released

logger = logging.getLogger(__name__)

_BACKBONE = "backbone."
# Layers of LaSSM with a row for each class.
_CLASS_LAYERS = ("decoder.sp_seg_head.2.", "decoder.out_cls.2.")


def load_first_weights(model: nn.Module, path: str | Path) -> None:
    """Put the weights of a checkpoint into a network.

    LaSSM may start from a model of other classes, whose last layers are left out, and from a
    backbone alone: as the released model for ScanNet++ did, and the one for ScanNet.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it is damaged, or of another network; names what does not fit.
    """
    if isinstance(model, LaSSM):
        state = _for_lassm(model, read_released(path), path)
    else:
        state = read_state_dict(path)
    load_strictly(model, state, source=str(path))


def _for_lassm(model: LaSSM, given: Mapping[str, Tensor], path: str | Path) -> dict[str, Tensor]:
    own, state = model.state_dict(), dict(given)
    if state and all(name.startswith(_BACKBONE) for name in state):
        logger.info("%s holds a backbone; the decoder starts at random", path)
        return {**{n: t for n, t in own.items() if not n.startswith(_BACKBONE)}, **state}
    for name, tensor in own.items():
        other = state.get(name)
        if name.startswith(_CLASS_LAYERS) and other is not None and len(other) != len(tensor):
            logger.info("%s is of %d classes; %s starts at random", path, len(other) - 1, name)
            state[name] = tensor
    return state
