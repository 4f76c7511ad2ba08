"""Mamba-2 block in its quadratic form.

Dao and Gu, "Transformers are SSMs" (2024): h_t = exp(Δ_t A) h_{t-1} + Δ_t x_t ⊗ B_t and
y_t = h_t C_t + D x_t are one product with a lower triangular matrix, which is fast for hundreds of
tokens. Longer sequences are cut into chunks that hand on their state. In place of the gated
RMSNorm of the paper there is a LayerNorm, and then the gate.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, silu, softplus

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
    """Sequence to sequence; each token sees itself and the ones before it.

    Args:
        hidden: channels of a token.
        state: numbers of the state a channel.
        expand: inner channels over those of a token.
        head_dim: inner channels of a head.
        kernel_size: tokens that the convolution sees.
    """

    def __init__(
        self,
        hidden: int,
        *,
        state: int = 64,
        expand: int = 2,
        head_dim: int = 64,
        kernel_size: int = 4,
    ) -> None:
        super().__init__()
        inner = expand * hidden
        heads = inner // head_dim
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

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, L, hidden) -> (B, L, hidden)."""
        out: Tensor = self.out_proj(self.mix(self.in_proj(tokens)))
        return out

    def mix(self, projected: Tensor) -> Tensor:
        """All that depends on the order: (B, L, of `in_proj`) -> (B, L, of `out_proj`)."""
        gate, mixed, step = torch.split(projected, self.splits, dim=-1)
        before = self.conv1d.kernel_size[0] - 1
        mixed = silu(self.conv1d(pad(mixed.mT, (before, 0))).mT).float()
        inner, _, heads = self.splits
        x, b, c = torch.split(mixed, [inner, self.state, self.state], dim=-1)
        x = x.view(*x.shape[:-1], heads, -1)
        step = softplus(step.float() + self.dt_bias)
        y = selective_scan(x * step[..., None], -step * self.A_log.exp(), b, c)
        y = (y + self.D[:, None] * x).flatten(2).to(gate.dtype)
        gated: Tensor = self.norm(y) * silu(gate)
        return gated
