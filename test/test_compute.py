"""Devices by name, precision and its overflow, and which errors mean what."""

from __future__ import annotations

import logging

import pytest
import torch

from seg3d_ros.compute import Compute, is_lost, is_out_of_memory, pick_device

CPU = torch.device("cpu")


def test_devices_by_name():
    assert pick_device("cpu") == CPU
    assert pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "mps:0", "cpux", "meta"])
def test_devices_that_are_not_here_are_refused(name):
    with pytest.raises(ValueError, match=f"device is '{name}'"):
        pick_device(name)


def test_the_usual_precision_of_a_cpu_is_fp32():
    assert Compute.named("cpu", "auto") == Compute(CPU, "fp32")
    assert Compute.named("cpu", "bf16") == Compute(CPU, "bf16")


def doubled(x):
    return Compute(CPU, "fp16"), lambda: x @ torch.full((1, 1), 2.0)


def test_what_fits_into_a_precision_is_computed_in_it():
    compute, network = doubled(torch.ones(1, 1))
    result = compute.run(network, checked=lambda x: x, name="net")
    assert (compute.precision, result.dtype, result.item()) == ("fp16", torch.float16, 2)


def test_what_overflows_is_computed_again_in_fp32_from_then_on(caplog):
    compute, network = doubled(torch.full((1, 1), 40_000.0))
    with caplog.at_level(logging.WARNING):
        results = [compute.run(network, checked=lambda x: x, name="net") for _ in range(2)]
    assert [result.item() for result in results] == [80_000, 80_000]
    assert compute.precision == "fp32"
    assert caplog.text.count("fp16 overflows in net") == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] can't allocate memory: 9 bytes"), True),
        (RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be ..."), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), True),
        (MemoryError("Unable to allocate 12.0 GiB for an array"), True),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), False),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("can't allocate memory"), False),
    ],
)
def test_errors_that_mean_that_memory_ran_out(error, expected):
    assert is_out_of_memory(error) is expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("CUDA error: device-side assert triggered", True),
        ("CUDA error: out of memory", False),
        (None, False),
    ],
)
def test_a_gpu_is_lost_when_it_refuses_whatever_it_is_asked(monkeypatch, message, expected):
    def synchronize(device):
        if message:
            raise RuntimeError(message)

    monkeypatch.setattr(torch.cuda, "synchronize", synchronize)
    monkeypatch.setattr(torch, "zeros", lambda *_, **__: None)
    assert is_lost(torch.device("cuda")) is expected
    assert not is_lost(CPU)
