"""Calls of a network, with the errors of its device told apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from seg3d_ros.compute import is_lost, is_out_of_memory
from seg3d_ros.segmenters.masks.blocks import BlockTooLargeError
from seg3d_ros.segmenters.segmenter import DeviceLostError

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
        return network()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            if is_lost(device):
                raise DeviceLostError(
                    f"{device} takes no more work from this process, which has to be started "
                    f"again: {' '.join(str(error).split())[:200]}"
                ) from error
            raise
    # Outside of the handler, which would keep the tensors of the failed call alive.
    if device.type == "cuda":
        torch.cuda.empty_cache()
    raise BlockTooLargeError(f"{device} has no memory for {points} points")
