"""Gradients of the LaSSM decoder against slow twins in double precision."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.nn.functional import silu, softplus

from seg3d_ros.networks.lassm.decoder import LassmDecoder, Superpoints
from seg3d_ros.networks.lassm.layers import LocalAggregation, MaskedAttention
from seg3d_ros.networks.lassm.mamba import Mamba2

TOLERANCE = 2e-4  # of the largest component


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def assert_same_gradients(module, twin, *inputs):
    """Compare a module in float32 with a function of its double and double inputs."""
    double = copy.deepcopy(module).double()
    single = [part.clone().requires_grad_() for part in inputs]
    exact = [part.double().requires_grad_() for part in inputs]
    ours, theirs = module(*single), twin(double, *exact)
    torch.testing.assert_close(ours.double(), theirs, rtol=1e-4, atol=1e-5)
    weights = torch.randn_like(ours)
    (ours * weights).sum().backward()
    (theirs * weights.double()).sum().backward()
    pairs = [*zip(single, exact, strict=True), *zip(module.parameters(), double.parameters())]
    for given, expected in pairs:
        scale = expected.grad.abs().max()
        assert scale > 0
        assert float((given.grad.double() - expected.grad).abs().max() / scale) < TOLERANCE


class AlongOrders(torch.nn.Module):
    """Block with orders of its own."""

    def __init__(self, tokens):
        super().__init__()
        self.block = Mamba2(64, state=8)
        self.rows = torch.stack([torch.randperm(tokens), torch.randperm(tokens)])

    def forward(self, tokens):
        return self.block(tokens, self.rows, self.rows.argsort(1))


def recurrence(module, tokens):
    """Mean over the orders, token after token."""
    block, results = module.block, []
    for order in module.rows:
        gate, mixed, step = block.in_proj(tokens[order]).split(block.splits, 1)
        step = softplus(step + block.dt_bias)
        kernel, bias = block.conv1d.weight[:, 0], block.conv1d.bias
        state, outputs = torch.zeros(len(block.D), 64, block.state).double(), []
        for t in range(len(order)):
            seen = [mixed[t - k] * kernel[:, -1 - k] for k in range(min(t + 1, kernel.shape[1]))]
            x, b, c = silu(sum(seen) + bias).split([block.splits[0], block.state, block.state])
            x = x.view(len(block.D), 64)
            kept = (-step[t] * block.A_log.exp()).exp()
            state = kept[:, None, None] * state + (step[t, :, None] * x)[..., None] * b
            outputs.append((state @ c + block.D[:, None] * x).flatten())
        results.append((block.norm(torch.stack(outputs)) * silu(gate))[order.argsort()])
    return block.out_proj(torch.stack(results).mean(0))


def test_mamba_along_orders():
    module = AlongOrders(70)  # more than a chunk
    module.block.D.data.normal_()
    assert_same_gradients(module, recurrence, torch.randn(70, 64))


class Aggregation(torch.nn.Module):
    """Local aggregation at fixed places."""

    def __init__(self):
        super().__init__()
        self.layer = LocalAggregation(16, neighbors=4)
        self.positions, self.centers = torch.rand(6, 3), torch.rand(20, 3)

    def forward(self, queries, features):
        return self.layer(queries, self.positions, features, self.centers)


def aggregation_by_slots(module, queries, features):
    """All values first, then their products with the query, slot after slot."""
    layer = module.layer
    away = (module.positions[:, None] - module.centers).norm(dim=2)
    nearest = away.argsort(1)[:, : layer.neighbors]
    query, values = queries @ layer.w_q.T, features @ layer.w_v.T
    slots = (query @ layer.w_k.T + layer.w_b).softmax(1)
    mixed = sum(slots[:, [j]] * query * values[nearest[:, j]] for j in range(layer.neighbors))
    return layer.norm(mixed @ layer.w_o.T + queries)


def test_local_aggregation():
    assert_same_gradients(
        Aggregation(), aggregation_by_slots, torch.randn(6, 16), torch.randn(20, 16)
    )


class Attention(torch.nn.Module):
    """Masked attention with a fixed mask; one query sees nothing of its own."""

    def __init__(self):
        super().__init__()
        self.layer = MaskedAttention(16)
        self.hidden = torch.rand(6, 20) < 0.5
        self.hidden[2] = True

    def forward(self, queries, features):
        return self.layer(queries, features, torch.where(self.hidden, -2.0, 3.0))


def attention_by_heads(module, queries, features):
    """A softmax for each head over what is not hidden."""
    layer = module.layer
    weight, bias = layer.attn.in_proj_weight.chunk(3), layer.attn.in_proj_bias.chunk(3)
    q, k, v = (
        (rows @ w.T + b).unflatten(1, (8, 2))
        for rows, w, b in zip((queries, features, features), weight, bias, strict=True)
    )
    hidden = module.hidden.clone()
    hidden[2] = False
    logits = torch.einsum("qhc,shc->hqs", q, k) / 2**0.5
    seen = torch.einsum("hqs,shc->qhc", logits.masked_fill(hidden, -torch.inf).softmax(2), v)
    return layer.norm(queries + layer.attn.out_proj(seen.flatten(1)))


def test_masked_attention():
    assert_same_gradients(Attention(), attention_by_heads, torch.randn(6, 16), torch.randn(20, 16))


def test_masks_and_places_train_all_but_the_class_layers():
    decoder = LassmDecoder(8, 3, width=64, num_blocks=(1, 1), attention_layers=1, num_queries=9)
    last = decoder(Superpoints(torch.randn(40, 8), torch.rand(40, 3) * 4)).stages[-1]
    (last.masks.square().mean() + last.positions.square().mean()).backward()
    still = {name for name, weight in decoder.named_parameters() if weight.grad is None}
    assert {name.split(".")[0] for name in still} == {"sp_seg_head", "out_cls"}
