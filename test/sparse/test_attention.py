import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seg3d_ros.sparse.attention import grouped_attention
from seg3d_ros.sparse.grouping import Groups


def groups_of(lengths, *, device="cpu", seed=0):
    order = torch.randperm(sum(lengths), generator=torch.Generator().manual_seed(seed))
    return Groups(order.to(device), tuple(lengths))


def slow_attention(q, k, v, groups):
    out = torch.empty_like(v)
    for rows in groups.order.split(list(groups.lengths)):
        scores = torch.einsum("qhd,khd->hqk", q[rows], k[rows]) / q.shape[2] ** 0.5
        out[rows] = torch.einsum("hqk,khd->qhd", scores.softmax(-1), v[rows])
    return out


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_attention_stays_in_the_group(lengths):
    groups = groups_of(lengths)
    q, k, v = torch.randn(3, sum(lengths), 2, 8).unbind(0)
    out = grouped_attention(q, k, v, groups)
    torch.testing.assert_close(out, slow_attention(q, k, v, groups))


@pytest.mark.parametrize("lengths", [(16, 16, 3), (9, 8, 7), (1,)])
def test_attention_on_the_device(device, lengths):
    groups = groups_of(lengths, device=device)
    q, k, v = torch.randn(3, sum(lengths), 2, 8, device=device).unbind(0)
    out = grouped_attention(q, k, v, groups)
    torch.testing.assert_close(out, slow_attention(q, k, v, groups), rtol=1e-4, atol=1e-4)


def test_gradients():
    groups = groups_of((5, 4, 2))
    parts = torch.randn(3, 11, 2, 3, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(lambda p: grouped_attention(*p.unbind(0), groups), parts)


def test_half_precision_stays_close(device):
    groups = groups_of((30, 28, 4), device=device)
    q, k, v = torch.randn(3, 62, 2, 16, device=device).unbind(0)
    half = grouped_attention(*(part.bfloat16() for part in (q, k, v)), groups)
    assert half.dtype == torch.bfloat16
    assert (half.float() - slow_attention(q, k, v, groups)).abs().max() < 0.05


def test_no_rows_no_attention():
    nothing = torch.zeros(0, 2, 4)
    assert grouped_attention(nothing, nothing, nothing, groups_of(())).shape == (0, 2, 4)
