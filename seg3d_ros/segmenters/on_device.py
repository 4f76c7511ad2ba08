"""Calls of a network, with the errors of its device told apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from seg3d_ros.compute import is_out_of_memory, loss_told
from seg3d_ros.segmenters.masks.blocks import BlockTooLargeError

T = TypeVar("T")


def run_on_device(device: torch.device, network: Callable[[], T], *, points: int) -> T:
    """Result of a network.

    Args:
        device: where it runs.
        network: the computation.
        points: that it is given, for the error.

    Raises:
        BlockTooLargeError: the memory did not suffice; what the call held is free again.
        DeviceLostError: this process can no longer use the GPU.
    """
    try:
        with loss_told(device):
            return network()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    # Outside of the handler, which would keep the tensors of the failed call alive.
    if device.type == "cuda":
        torch.cuda.empty_cache()
    raise BlockTooLargeError(f"{device} has no memory for {points} points")
