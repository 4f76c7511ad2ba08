"""Reading checkpoints: tensors only, and every one of them where it belongs."""

from __future__ import annotations

import pickle
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.torch_version import TorchVersion

from seg3d_ros.errors import InputError

SHOWN = 8  # names listed in an error
PARALLEL_PREFIX = "module."  # of every name where several GPUs trained
# Trainers put a mean of scores beside the weights, as NumPy 1 pickled it.
REFERENCE_SCALAR = (
    (np.float64(0).__reduce__()[0], "numpy.core.multiarray.scalar"), np.dtype,
    np.dtypes.Float64DType,
)  # fmt: skip


class CheckpointError(InputError):
    """A file does not hold the weights of the network it was given for."""


def read_checkpoint(path: str | Path, *, allowed: Sequence[Any] = ()) -> Mapping[str, Any]:
    """Read a checkpoint, tensors on the CPU.

    Only tensors and plain values are unpickled, so a file cannot run code.

    Args:
        path: of the file.
        allowed: harmless functions and types that the file may name besides, as
            `torch.serialization.safe_globals` takes them.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it is damaged, or holds something else.
    """
    try:
        with _allowed(allowed):
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        # The error of torch is left out: it advises to read the file unsafely.
        raise CheckpointError(
            f"{path} is not a checkpoint, is damaged, or holds more than tensors and plain values"
        ) from error
    if not isinstance(loaded, Mapping):
        raise CheckpointError(f"{path} holds a {type(loaded).__name__}, not a dictionary")
    return loaded


def _allowed(names: Sequence[Any]) -> AbstractContextManager[Any]:
    if not names or torch.__version__ < TorchVersion("2.6"):
        return nullcontext()  # older ones refuse files that name them
    return torch.serialization.safe_globals(list(names))


def read_state_dict(
    path: str | Path, *, prefix: str = "", allowed: Sequence[Any] = ()
) -> dict[str, Tensor]:
    """Tensors of a checkpoint whose names start with `prefix`, which is taken off.

    A dictionary under "state_dict", as Lightning writes it, is opened. `allowed` is that of
    `read_checkpoint`.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it is damaged, or holds more than tensors and plain values.
    """
    loaded = read_checkpoint(path, allowed=allowed)
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors_in(loaded.get("state_dict", loaded), source=path).items()
        if name.startswith(prefix)
    }


def tensors_in(state: Any, *, source: str | Path) -> dict[str, Tensor]:
    """Tensors of a dictionary from a file, by name; other values are left out.

    Raises:
        CheckpointError: it is no dictionary, or a name or a tensor is of a strange kind.
    """
    if not isinstance(state, Mapping):
        raise CheckpointError(
            f"{source} holds {_kind(state)} where the dictionary of tensors should be"
        )
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    for name, tensor in tensors.items():
        if not isinstance(name, str):
            raise CheckpointError(f"{source} holds a tensor whose name is {name!r}, not text")
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
            raise CheckpointError(f"{source} holds {name} as no plain array of numbers")
    return tensors


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"


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
