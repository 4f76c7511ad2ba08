"""The pretend CUDA device notices what it is there for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.pretend_cuda import CUDA, pretend_cuda


def test_a_tensor_left_on_the_cpu_is_an_error():
    with pretend_cuda():
        x = torch.ones(3, device=CUDA)
        assert (x.device, (x * 2).device, (x * torch.tensor(2.0)).device) == (CUDA, CUDA, CUDA)
        with pytest.raises(RuntimeError, match="found at least two devices, cuda:0 and cpu"):
            x + torch.ones(3)


def test_numpy_is_refused():
    with pretend_cuda():
        x = torch.ones(3, device=CUDA)
        with pytest.raises(TypeError, match="can't convert cuda:0"):
            x.numpy()
        with pytest.raises(TypeError, match="can't convert cuda:0"):
            np.asarray(x)
        assert x.cpu().numpy().tolist() == [1, 1, 1]


def waits_of(function):
    with pretend_cuda() as device:
        x, rows = torch.arange(6.0, device=CUDA), torch.arange(6, device=CUDA)
        device.forget()
        function(x, rows)
    return sum(device.waits.values())


def test_waits_of_the_host_are_counted():
    assert waits_of(lambda x, _: x.sum() + x[2:4].mean()) == 0
    assert waits_of(lambda x, rows: x[rows] + x.index_select(0, rows)) == 0
    assert waits_of(lambda x, _: x.sum().item()) == 1
    assert waits_of(lambda x, _: x[x > 2]) == 1
    assert waits_of(lambda x, _: x.cpu()) == 1
    assert waits_of(lambda x, rows: [x[row] for row in rows.unbind()]) == 6


def test_layers_compute_what_they_compute_on_a_cpu():
    torch.manual_seed(0)
    layer = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.LayerNorm(4)).eval()
    x = torch.randn(5, 4)
    with torch.no_grad():
        expected = layer(x)
    with pretend_cuda(), torch.inference_mode():
        found = layer.to(CUDA)(x.to(CUDA))
        assert found.device == CUDA
        torch.testing.assert_close(found.cpu(), expected)


def test_autocast_casts_as_on_a_gpu():
    with pretend_cuda(), torch.no_grad(), torch.autocast("cuda", torch.float16):
        x = torch.ones(2, 2, device=CUDA)
        assert (x @ x).dtype == torch.float16
        assert x.softmax(0).dtype == torch.float32
