"""Compiled loops that build kernel maps, and the pair lists made from them, on a CPU."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seg3d_ros.kernels import kernel

Int32 = npt.NDArray[np.int32]


@kernel
def join_sorted(keys, rows, targets, target_rows, step, line):  # type: ignore[no-untyped-def]
    """Write to `line[target_rows[i]]` the row whose key is `targets[i] + step`, if there is one.

    Keys and targets ascend, so both are walked through once.
    """
    place = 0
    for i in range(targets.size):
        wanted = targets[i] + step
        while place < keys.size and keys[place] < wanted:
            place += 1
        if place == keys.size:
            return
        if keys[place] == wanted:
            line[target_rows[i]] = rows[place]


@kernel
def mirror(line, mirrored):  # type: ignore[no-untyped-def]
    """Write the inverse of a partial one-to-one `line` to `mirrored`."""
    for i in range(line.size):
        if line[i] >= 0:
            mirrored[line[i]] = i


@kernel
def count_pairs(table, block):  # type: ignore[no-untyped-def]
    """Pairs (blocks, K) of each tap in each block of `block` output rows."""
    taps, rows = table.shape
    counts = np.zeros(((rows + block - 1) // block, taps), np.int64)
    for i in range(len(counts)):
        for tap in range(taps):
            count = 0
            for row in range(i * block, min((i + 1) * block, rows)):
                count += table[tap, row] >= 0
            counts[i, tap] = count
    return counts


@kernel
def fill_pairs(table, block, inputs, outputs):  # type: ignore[no-untyped-def]
    """Write the input and the output row of all pairs, ordered by block, tap and row.

    Every place is written until a pair moves on from it: that is faster than a branch no
    processor can foresee, and takes one place more than there are pairs.
    """
    taps, rows = table.shape
    place = 0
    for start in range(0, rows, block):
        for tap in range(taps):
            for row in range(start, min(start + block, rows)):
                inputs[place] = table[tap, row]
                outputs[place] = row
                place += table[tap, row] >= 0
