"""Sampler of scenes: order and share of each process."""

from __future__ import annotations

import numpy as np

from seg3d_ros.training.processes import Processes


def batches_per_epoch(scenes: int, batch_size: int, processes: Processes) -> int:
    """Batches that each process gets; the last one is filled up, so that all are of one size."""
    return -(-scenes // (batch_size * processes.count))


def epoch_batches(
    scenes: int, batch_size: int, processes: Processes, *, seed: int, epoch: int
) -> list[list[int]]:
    """Batches of this process in one epoch, in random order.

    Every scene is in one of them; so that all processes have the same number of full batches,
    the first of the order may come once more at the end.

    Args:
        scenes: in the dataset.
        batch_size: scenes that a process looks at in one step.
        processes: that share the epoch. Together they see the same scenes in each step as one
            process would with a batch as large as theirs together.
        seed: of the order.
        epoch: gives each its own order.
    """
    order = np.random.default_rng((seed, epoch)).permutation(scenes)
    steps = batches_per_epoch(scenes, batch_size, processes)
    filled = np.resize(order, (steps, processes.count, batch_size))
    return filled[:, processes.rank].tolist()
