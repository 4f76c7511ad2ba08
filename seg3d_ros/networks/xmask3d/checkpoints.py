"""Checkpoints of XMask3D as its trainer writes them."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from seg3d_ros.networks.checkpoint import (
    PARALLEL_PREFIX,
    REFERENCE_SCALAR,
    CheckpointError,
    load_strictly,
    read_state_dict,
)
from seg3d_ros.networks.meta import without_weights
from seg3d_ros.networks.xmask3d.network import XMask3D, released_branch, released_network
from seg3d_ros.networks.xmask3d.point_branch import PointBranch

# Of the losses; the first is as long as the list of classes, all else fits every split.
_OF_TRAINING = ("criterion.empty_weight", "binary_loss_func.pos_weight")
_OF_POINTS = ("pc_decoder.", "pc_binary_head.")


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Weights in a checkpoint, by the names of `XMask3D`.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it is damaged, or holds the weights of something else.
    """
    state = {
        name.removeprefix(PARALLEL_PREFIX): tensor
        for name, tensor in read_state_dict(path, allowed=REFERENCE_SCALAR).items()
    }
    if not any(name.startswith(_OF_POINTS[0]) for name in state):
        raise CheckpointError(f"{path} holds no XMask3D, whose weights begin with {_OF_POINTS[0]}")
    return {name: tensor for name, tensor in state.items() if name not in _OF_TRAINING}


def load_branch(path: str | Path) -> PointBranch:
    """The point branch of a checkpoint, ready for inference on the CPU.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it is damaged, or another network.
    """
    own = {k: v for k, v in read_weights(path).items() if k.startswith(_OF_POINTS)}
    with without_weights():
        branch = released_branch()
    load_strictly(branch, own, source=str(path))
    return branch.eval()


def load_network(path: str | Path) -> XMask3D:
    """The whole network of a checkpoint, ready for inference on the CPU.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it is damaged, or another network.
    """
    state = read_weights(path)
    with without_weights():
        network = released_network()
    load_strictly(network, state, source=str(path))
    return network.eval()
