"""Compiled inner part of a Mamba-2 block along orders of its tokens, on a CPU.

The recurrence itself, token after token: neither a matrix over pairs of tokens nor copies of the
tokens in their orders are made.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from seg3d_ros.kernels import kernel

HEAD_CHANNELS = 64  # P, constant so that the compiler makes vectors of it


def convolve_compiled(tokens: Tensor, weight: Tensor, bias: Tensor, rows: Tensor) -> Tensor:
    """Causal depth-wise convolution of tokens in each of R orders.

    Args:
        tokens: (L, C) float32.
        weight: (C, K), of which the last is that of the token itself.
        bias: (C,).
        rows: (R, L) int64 tokens in their orders.

    Returns:
        (R, L, C), in the orders.
    """
    out = torch.empty(*rows.shape, tokens.shape[1])
    _convolve(*_arrays(tokens, weight.t(), bias, rows, out))
    return out


def scan_compiled(mixed: Tensor, kept: Tensor, step: Tensor, skip: Tensor, rows: Tensor) -> Tensor:
    """Outputs of the recurrence in each of R orders.

    Args:
        mixed: (R, L, H * P + 2 * N) float32 inputs x, b and c of the tokens, in the orders.
        kept: (L, H) share of the state before a token that is left.
        step: (L, H) of each token.
        skip: (H,) share of the inputs in the outputs.
        rows: (R, L) int64 tokens in their orders.

    Returns:
        (R, L, H * P), all in the order of `step`.
    """
    out = torch.empty(*rows.shape, step.shape[1], HEAD_CHANNELS)
    _scan(*_arrays(mixed, kept, step, skip, rows, out))
    return out.flatten(2)


def _arrays(*tensors: Tensor) -> list[Any]:
    return [tensor.detach().contiguous().numpy() for tensor in tensors]


@kernel(fastmath={"contract", "nsz"})
def _convolve(tokens, weight, bias, rows, out):  # type: ignore[no-untyped-def]
    taps = len(weight)
    for order in range(len(rows)):
        for t in range(rows.shape[1]):
            y = out[order, t]
            y[:] = bias
            for k in range(max(0, taps - 1 - t), taps):
                token, w = tokens[rows[order, t - taps + 1 + k]], weight[k]
                for channel in range(y.size):
                    y[channel] += w[channel] * token[channel]


@kernel(fastmath={"contract", "nsz"})
def _scan(mixed, kept, step, skip, rows, out):  # type: ignore[no-untyped-def]
    heads = out.shape[2]
    inner = heads * HEAD_CHANNELS
    size = (mixed.shape[2] - inner) // 2
    state = np.empty((size, HEAD_CHANNELS), np.float32)  # of one head: it stays in the cache
    x, y = np.empty(HEAD_CHANNELS, np.float32), np.empty(HEAD_CHANNELS, np.float32)
    for order in range(len(rows)):
        for head in range(heads):
            state[:] = 0
            for t in range(rows.shape[1]):
                row, token = rows[order, t], mixed[order, t]
                given = token[head * HEAD_CHANNELS :]
                left, pace, share = kept[row, head], step[row, head], skip[head]
                for p in range(HEAD_CHANNELS):
                    x[p], y[p] = pace * given[p], share * given[p]
                for n in range(size):
                    written, read = token[inner + n], token[inner + size + n]
                    channels = state[n]
                    for p in range(HEAD_CHANNELS):
                        channels[p] = left * channels[p] + written * x[p]
                        y[p] += read * channels[p]
                out[order, row, head] = y
