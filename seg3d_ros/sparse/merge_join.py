"""Compiled loops that build kernel maps, and the pair lists made from them, on a CPU."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

Int32 = npt.NDArray[np.int32]


@numba.njit(nogil=True, cache=True)
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


@numba.njit(nogil=True, cache=True)
def mirror(line, mirrored):  # type: ignore[no-untyped-def]
    """Write the inverse of a partial one-to-one `line` to `mirrored`."""
    for i in range(line.size):
        if line[i] >= 0:
            mirrored[line[i]] = i


@numba.njit(nogil=True, cache=True)
def count_pairs(table, block, skipped):  # type: ignore[no-untyped-def]
    """Pairs (blocks, K) of each tap in each block of `block` output rows; one tap is left out."""
    taps, outputs = table.shape
    counts = np.zeros(((outputs + block - 1) // block, taps), np.int64)
    for tap in range(taps):
        if tap == skipped:
            continue
        for row in range(outputs):
            counts[row // block, tap] += table[tap, row] >= 0
    return counts


@numba.njit(nogil=True, cache=True)
def fill_pairs(table, block, skipped, starts, pairs):  # type: ignore[no-untyped-def]
    """Write all pairs, block by block and in a block tap by tap.

    Args:
        table: (K, N_out) int32 kernel map.
        block: output rows of a block.
        skipped: tap to leave out, or -1.
        starts: (blocks, K) where the pairs of each tap of each block start; moved to their ends.
        pairs: `(inputs, outputs, bags, bag_starts)` to fill: of each pair its input row and its
            output row in the block; then, output row by output row, the places of its pairs in
            the block, and where in that list each row starts.
    """
    inputs, outputs, bags, bag_starts = pairs
    taps, rows = table.shape
    written = 0
    first = 0
    for row in range(rows):
        if row % block == 0:
            first = written
        bag_starts[row] = written - first
        for tap in range(taps):
            if tap == skipped or table[tap, row] < 0:
                continue
            place = starts[row // block, tap]
            starts[row // block, tap] += 1
            inputs[place] = table[tap, row]
            outputs[place] = row % block
            bags[written] = place - first
            written += 1
