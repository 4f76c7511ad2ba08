"""Distributed processes of one training, as torchrun starts them; or just one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, distributed

from seg3d_ros.compute import pick_device


@dataclass(frozen=True)
class Processes:
    """Rank of this process, world size and device.

    Attributes:
        rank: number of this process, from 0.
        count: of processes.
        device: that this process computes on.
    """

    rank: int = 0
    count: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files and shows progress."""
        return self.rank == 0

    def any(self, condition: bool) -> bool:
        """Whether it holds in any process; all of them have to ask."""
        if self.count == 1:
            return condition
        flag = torch.tensor(condition, dtype=torch.int32, device=self.device)
        distributed.all_reduce(flag, op=distributed.ReduceOp.MAX)
        return bool(flag)

    def sum(self, values: Tensor) -> Tensor:
        """Sum of the values of all processes; all of them have to ask."""
        if self.count > 1:
            distributed.all_reduce(values)
        return values


@contextmanager
def joined(device: str) -> Iterator[Processes]:
    """Join the processes that torchrun has started, if it has.

    Args:
        device: "cpu", "cuda", "cuda:1"; "auto" is a GPU if there is one. With several processes
            each takes the GPU of its local rank.

    Raises:
        InputError: there is no such device.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    chosen = _device(device, int(os.environ.get("LOCAL_RANK", "0")) if count > 1 else None)
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    if count == 1:
        yield Processes(device=chosen)
        return
    distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    try:
        yield Processes(distributed.get_rank(), count, chosen)
    finally:
        distributed.destroy_process_group()


def _device(name: str, local_rank: int | None) -> torch.device:
    if local_rank is None:
        return pick_device(name)
    device = pick_device(name.partition(":")[0])
    return device if device.type == "cpu" else pick_device(f"cuda:{local_rank}")
