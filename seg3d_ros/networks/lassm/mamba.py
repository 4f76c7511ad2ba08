"""Mamba-2 block.

Dao and Gu, "Transformers are SSMs" (2024): h_t = exp(Δ_t A) h_{t-1} + Δ_t x_t ⊗ B_t and
y_t = h_t C_t + D x_t are one product with a lower triangular matrix, which is fast for hundreds of
tokens. Longer sequences are cut into chunks that hand on their state. On a CPU, where no gradient
is wanted, a compiled loop (`scan_kernel`) is faster still. In place of the gated RMSNorm of the
paper there is a LayerNorm, and then the gate.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, silu, softplus

from seg3d_ros.networks.lassm.scan_kernel import (
    HEAD_CHANNELS,
    convolve_compiled,
    scan_compiled,
)

CHUNK = 64  # tokens; as many as the state has numbers, so that both parts cost about the same


def selective_scan(
    x: Tensor, decay: Tensor, b: Tensor, c: Tensor, *, chunk: int = CHUNK
) -> Tensor:
    """Outputs y_t = C_t · h_t of the recurrence h_t = exp(decay_t) h_{t-1} + x_t ⊗ b_t.

    Args:
        x: (B, L, H, P) inputs of H heads, times their step Δ.
        decay: (B, L, H) logarithm, at most 0.
        b: (B, L, N) how inputs enter the state of every head.
        c: (B, L, N) how it is read.
        chunk: tokens that are multiplied with each other.

    Returns:
        (B, L, H, P).
    """
    length = x.shape[1]
    x, decay, b, c = (_chunks(part, chunk) for part in (x, decay, b, c))
    x = x.transpose(2, 3)  # (B, K, H, T, P): K chunks of T tokens
    total = decay.cumsum(2).transpose(2, 3)  # (B, K, H, T)
    between = total[..., :, None] - total[..., None, :]
    future = torch.ones(chunk, chunk, dtype=torch.bool, device=x.device).triu(1)
    kernel = between.masked_fill_(future, -torch.inf).exp_() * (c @ b.mT)[:, :, None]
    end = total[..., -1:]
    entering = b.mT[:, :, None] @ (x * (end - total).exp()[..., None])  # (B, K, H, N, P)
    before = _states_before(entering, end[..., None].exp())
    y = kernel @ x + (c[:, :, None] @ before) * total.exp()[..., None]
    return y.transpose(2, 3).flatten(1, 2)[:, :length]


def _chunks(tokens: Tensor, size: int) -> Tensor:
    """(B, L, ...) -> (B, K, size, ...), with zeros behind the last token."""
    missing = -tokens.shape[1] % size
    padding = [0, 0] * (tokens.ndim - 2) + [0, missing]
    padded = pad(tokens, padding)
    return padded.view(len(padded), -1, size, *padded.shape[2:])


def _states_before(entering: Tensor, kept: Tensor) -> Tensor:
    """States (B, K, H, N, P) before each chunk.

    Args:
        entering: (B, K, H, N, P) what each chunk adds to the state by its end.
        kept: (B, K, H, 1, 1) share of the state before that is left there.
    """
    state = torch.zeros_like(entering[:, 0])
    states = []
    for added, left in zip(entering.unbind(1), kept.unbind(1), strict=True):
        states.append(state)
        state = state * left + added
    return torch.stack(states, 1)


class Mamba2(nn.Module):
    """Tokens to tokens; each sees itself and the ones before it, in one or more orders.

    Args:
        hidden: channels of a token.
        state: numbers of the state a channel.
        expand: inner channels over those of a token.
        kernel_size: tokens that the convolution sees.
    """

    def __init__(
        self, hidden: int, *, state: int = 64, expand: int = 2, kernel_size: int = 4
    ) -> None:
        super().__init__()
        inner = expand * hidden
        heads = inner // HEAD_CHANNELS
        mixed = inner + 2 * state
        self.splits = [inner, mixed, heads]
        self.state = state
        self.dt_bias = nn.Parameter(torch.ones(heads))
        self.A_log = nn.Parameter(torch.arange(1, heads + 1, dtype=torch.float32).log())
        self.D = nn.Parameter(torch.ones(heads))
        self.conv1d = nn.Conv1d(mixed, mixed, kernel_size, groups=mixed)
        self.in_proj = nn.Linear(hidden, inner + mixed + heads, bias=False)
        self.norm = nn.LayerNorm(inner)
        self.out_proj = nn.Linear(inner, hidden, bias=False)

    def forward(self, tokens: Tensor, rows: Tensor, places: Tensor) -> Tensor:
        """Mean of the outputs in each of R orders.

        Args:
            tokens: (L, hidden).
            rows: (R, L) int64 tokens in their orders.
            places: (R, L) int64 places of the tokens there.

        Returns:
            (L, hidden).
        """
        gate, mixed, step = torch.split(self.in_proj(tokens), self.splits, dim=-1)
        step = softplus(step.float() + self.dt_bias)
        compiled = step.device.type == "cpu" and not torch.is_grad_enabled()
        y = (self._compiled if compiled else self._mix)(mixed, step, rows, places)
        # The projection is linear, and the gate the same in all orders.
        gated = self.norm(y.to(gate.dtype)).mean(0) * silu(gate)
        out: Tensor = self.out_proj(gated)
        return out

    def _mix(self, mixed: Tensor, step: Tensor, rows: Tensor, places: Tensor) -> Tensor:
        """(L, inner + 2 * state) and (L, heads) -> (R, L, inner)."""
        before = self.conv1d.kernel_size[0] - 1
        along = silu(self.conv1d(pad(mixed[rows].mT, (before, 0))).mT).float()
        x, b, c = torch.split(along, [self.splits[0], self.state, self.state], dim=-1)
        x, step = x.reshape(*x.shape[:2], -1, HEAD_CHANNELS), step[rows]
        y = selective_scan(x * step[..., None], -step * self.A_log.exp(), b, c)
        y = (y + self.D[:, None] * x).flatten(2)
        return torch.stack([order[at] for order, at in zip(y, places, strict=True)])

    def _compiled(self, mixed: Tensor, step: Tensor, rows: Tensor, _: Tensor) -> Tensor:
        """Compiled form of `_mix` for a CPU, without gradients."""
        bias = self.conv1d.bias
        assert bias is not None
        along = convolve_compiled(
            mixed.float(), self.conv1d.weight[:, 0].float(), bias.float(), rows
        )
        kept = (-step * self.A_log.exp()).exp()
        return scan_compiled(silu(along, inplace=True), kept, step, self.D, rows)
