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

CHUNK = 512  # tokens; the matrices take 8 MB a sequence of the released size


def selective_scan(
    x: Tensor, decay: Tensor, b: Tensor, c: Tensor, *, chunk: int = CHUNK
) -> Tensor:
    """Outputs y_t = C_t · h_t of the recurrence h_t = exp(decay_t) h_{t-1} + x_t ⊗ b_t.

    Args:
        x: (B, L, H, P) inputs of H heads, times their step Δ.
        decay: (B, L, H) logarithm, at most 0.
        b: (B, L, N) how inputs enter the state of every head.
        c: (B, L, N) how it is read.
        chunk: tokens that are multiplied with each other at once.

    Returns:
        (B, L, H, P).
    """
    state = x.new_zeros(*x.shape[:1], *x.shape[2:], b.shape[2])  # (B, H, P, N)
    outputs = []
    for start in range(0, x.shape[1], chunk):
        part = slice(start, start + chunk)
        own, read = x[:, part], c[:, part]
        total = decay[:, part].cumsum(1).transpose(1, 2)  # (B, H, L)
        between = (total[..., :, None] - total[..., None, :]).tril_()
        causal = torch.ones(between.shape[-2:], dtype=torch.bool, device=x.device).tril_()
        kernel = between.exp() * causal * (read @ b[:, part].mT)[:, None]
        within = torch.einsum("bhij,bjhp->bihp", kernel, own)
        carried = torch.einsum("bin,bhpn,bhi->bihp", read, state, total.exp())
        outputs.append(within + carried)
        left = (total[..., -1:] - total).exp()  # of each token at the end of the chunk
        entering = torch.einsum("bhj,bjhp,bjn->bhpn", left, own, b[:, part])
        state = state * total[..., -1].exp()[..., None, None] + entering
    return torch.cat(outputs, 1)


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
        gate, mixed, step = torch.split(self.in_proj(tokens), self.splits, dim=-1)
        before = self.conv1d.kernel_size[0] - 1
        mixed = silu(self.conv1d(pad(mixed.mT, (before, 0))).mT).float()
        inner, _, heads = self.splits
        x, b, c = torch.split(mixed, [inner, self.state, self.state], dim=-1)
        x = x.view(*x.shape[:-1], heads, -1)
        step = softplus(step.float() + self.dt_bias)
        y = selective_scan(x * step[..., None], -step * self.A_log.exp(), b, c)
        y = (y + self.D[:, None] * x).flatten(2).to(gate.dtype)
        out: Tensor = self.out_proj(self.norm(y) * silu(gate))
        return out
