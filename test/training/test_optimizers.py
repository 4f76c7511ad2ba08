"""Optimizers and their parameter groups."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seg3d_ros.training.optimizers import optimizers_of


def network() -> nn.Module:
    """A matrix, a thin one, and vectors."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 48), nn.LayerNorm(48), nn.Linear(48, 3))


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_every_weight_is_changed_once(name):
    module = network()
    optimizers = optimizers_of(module, name, weight_decay=0.1)
    held = [w for optimizer in optimizers for g in optimizer.param_groups for w in g["params"]]
    assert len(held) == len({id(w) for w in held}) == len(list(module.parameters()))
    assert all(g["weight_decay"] == 0.1 for o in optimizers for g in o.param_groups)


def test_a_torch_without_muon_trains_with_adamw_and_says_so(monkeypatch):
    monkeypatch.delattr(torch.optim, "Muon")
    assert len(optimizers_of(network(), "adamw", weight_decay=0.1)) == 1
    with pytest.raises(ValueError, match=r"needs torch 2\.9.*train\.optimizer=adamw"):
        optimizers_of(network(), "muon", weight_decay=0.1)


def test_muon_changes_a_matrix_alike_in_all_directions():
    """Singular values of the step are equal, though those of the gradient are far apart."""
    module = network()
    optimizers = optimizers_of(module, "muon", weight_decay=0.0)
    matrix, thin = module[0].weight, module[2].weight
    before = [matrix.detach().clone(), thin.detach().clone()]
    left, right = torch.linalg.qr(torch.randn(48, 48))[0], torch.linalg.qr(torch.randn(64, 48))[0]
    matrix.grad = left @ torch.diag(torch.logspace(0, -2, 48)) @ right.T
    thin.grad = torch.randn_like(thin)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = 0.01
        optimizer.step()
    steps = torch.linalg.svdvals(matrix.detach() - before[0])
    assert steps.max() / steps.min() < 3
    size = (matrix.detach() - before[0]).square().mean().sqrt()
    assert 0.1 < size / 0.01 < 0.3  # as AdamW's steps usually are
    torch.testing.assert_close((thin.detach() - before[1]).abs(), torch.full((3, 48), 0.01))


def test_others_are_refused():
    with pytest.raises(ValueError, match="'sgd'; give one of adamw, muon"):
        optimizers_of(network(), "sgd", weight_decay=0.0)
