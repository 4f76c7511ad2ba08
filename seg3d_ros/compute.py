"""Device, precision and errors of networks in PyTorch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from seg3d_ros.errors import DeviceLostError, InputError

logger = logging.getLogger(__name__)

T = TypeVar("T")
DEVICES = "auto, cpu, cuda or cuda:1"
_DTYPES = {"fp32": None, "fp16": torch.float16, "bf16": torch.bfloat16}
_OUT_OF_MEMORY = (
    "allocate memory",  # of the CPU, whose error has no type of its own
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUSPARSE_STATUS_ALLOC_FAILED",
)


def pick_device(name: str) -> torch.device:
    """Device of this name, a GPU with its number; "auto" is a GPU if there is one.

    Raises:
        InputError: PyTorch knows no such device, or this machine has none.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"device is {name!r}; use {DEVICES}") from error
    if device.type not in ("cpu", "cuda"):
        raise InputError(f"device is {name!r}; use {DEVICES}")
    if device.type == "cpu":
        return device
    number = device.index or 0
    if number >= torch.cuda.device_count():
        raise InputError(
            f"device is {name!r}, but PyTorch sees {torch.cuda.device_count()} CUDA devices here; "
            "use cpu, or install a PyTorch for your driver"
        )
    return torch.device("cuda", number)


def full_precision(device: torch.device) -> AbstractContextManager[Any]:
    """Context in which PyTorch computes in the precision of the input, under autocast, too."""
    return torch.autocast(device.type, enabled=False)


@dataclass
class Compute:
    """Device and precision of one network.

    Attributes:
        device: where it runs.
        precision: "fp32", "fp16" or "bf16"; becomes "fp32" once a result overflows.
    """

    device: torch.device
    precision: str = "fp32"

    @classmethod
    def named(cls, device: str, precision: str) -> Compute:
        """Device and precision by name; "auto" is a GPU if there is one, and fp16 there.

        Raises:
            InputError: this machine has no such device.
        """
        found = pick_device(device)
        if precision == "auto":
            precision = "fp16" if found.type == "cuda" else "fp32"
        return cls(found, precision)

    def autocast(self) -> AbstractContextManager[Any]:
        """Context in which PyTorch computes in the precision."""
        dtype = _DTYPES[self.precision]
        return torch.autocast(self.device.type, dtype=dtype, enabled=dtype is not None)

    def run(self, network: Callable[[], T], *, checked: Callable[[T], Tensor], name: str) -> T:
        """Result of a network; computed again in fp32, now and from now on, where it overflows.

        Args:
            network: the computation.
            checked: the part of the result that is never infinite unless numbers overflow.
            name: of the network, for the warning.
        """
        with self.autocast():
            result = network()
        if self.precision == "fp32" or bool(checked(result).isfinite().all()):
            return result
        logger.warning("%s overflows in %s; computing in fp32 from now on", self.precision, name)
        self.precision = "fp32"
        with self.autocast():
            return network()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, of a GPU, of one of its libraries or of the CPU."""
    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _OUT_OF_MEMORY)


def is_lost(device: torch.device) -> bool:
    """Whether a GPU refuses all further work of this process.

    After errors such as an illegal memory access, every later call fails as well, whatever it is;
    only a new process can use the GPU again.
    """
    if device.type != "cuda":
        return False
    try:
        torch.cuda.synchronize(device)
        torch.zeros(1, device=device)
    except RuntimeError as error:
        return not is_out_of_memory(error)
    return False


@contextmanager
def loss_told(device: torch.device) -> Iterator[None]:
    """Context that tells the loss of a GPU from other errors.

    A GPU reports errors late, so results are to be read inside as well.

    Raises:
        DeviceLostError: this process can no longer use the GPU.
    """
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, DeviceLostError) or is_out_of_memory(error) or not is_lost(device):
            raise
        raise DeviceLostError(
            f"{device} takes no more work from this process, which has to be started "
            f"again: {' '.join(str(error).split())[:200]}"
        ) from error
