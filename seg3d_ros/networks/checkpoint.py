"""Reading checkpoints: tensors only, and every one of them where it belongs."""

from __future__ import annotations

import pickle
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

SHOWN = 8  # names listed in an error


class CheckpointError(ValueError):
    """A file does not hold the weights of the network it was given for."""


def read_checkpoint(path: str | Path) -> Mapping[str, Any]:
    """Everything in a checkpoint, tensors on the CPU.

    Only tensors and plain values are unpickled, so a file cannot run code.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it is damaged, or holds something else.
    """
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        # The error of torch is left out: it advises to read the file unsafely.
        raise CheckpointError(
            f"{path} is not a checkpoint, is damaged, or holds more than tensors and plain values"
        ) from error
    if not isinstance(loaded, Mapping):
        raise CheckpointError(f"{path} holds a {type(loaded).__name__}, not a dictionary")
    return loaded


def read_state_dict(path: str | Path, *, prefix: str = "") -> dict[str, Tensor]:
    """Tensors of a checkpoint whose names start with `prefix`, which is taken off.

    A dictionary under "state_dict", as Lightning writes it, is opened.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it is damaged, or holds more than tensors and plain values.
    """
    loaded = read_checkpoint(path)
    state = loaded.get("state_dict", loaded)
    if not isinstance(state, Mapping):
        raise CheckpointError(
            f"{path} holds a {type(state).__name__}, not a dictionary of tensors"
        )
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in state.items()
        if name.startswith(prefix) and isinstance(tensor, Tensor)
    }


def load_strictly(network: nn.Module, state: Mapping[str, Tensor], *, source: str) -> None:
    """Put tensors into a network, which may be on the meta device.

    Args:
        network: where they go.
        state: one tensor for each of its names.
        source: where they come from, for the error.

    Raises:
        CheckpointError: names what is missing, what is not known, and what has another shape.
    """
    expected = network.state_dict()
    shared = expected.keys() & state.keys()
    misshapen = [
        f"{name} {tuple(state[name].shape)} instead of {tuple(expected[name].shape)}"
        for name in sorted(shared)
        if state[name].shape != expected[name].shape
    ]
    complaints = [
        f"{what}: {_listed(names)}"
        for what, names in (
            ("missing", sorted(expected.keys() - shared)),
            ("not part of the network", sorted(state.keys() - shared)),
            ("of another shape", misshapen),
        )
        if names
    ]
    if complaints:
        raise CheckpointError(
            f"{source} does not fit {type(network).__name__}; " + "; ".join(complaints)
        )
    typed = {name: state[name].to(tensor.dtype) for name, tensor in expected.items()}
    network.load_state_dict(typed, assign=True)


def _listed(names: Collection[str]) -> str:
    first = ", ".join(list(names)[:SHOWN])
    return first if len(names) <= SHOWN else f"{first} and {len(names) - SHOWN} more"


def read_safetensors(path: str | Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file, by name.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it is damaged, or of another kind.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise CheckpointError(
            f"{path} is no safetensors file, or is damaged ({error}); fetch it again"
        ) from error
