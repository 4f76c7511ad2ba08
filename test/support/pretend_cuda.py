"""Pretend CUDA device: CPU data in tensors that say they are on cuda:0.

On a CPU nothing shows when a tensor is not moved to the GPU, when NumPy is handed a tensor of the
GPU, or when the host waits for the GPU in a loop. Here the first two raise as they do with CUDA,
and waits are counted by the line of the package that causes them. Values are those of the CPU.
Gradients are out of reach, and so is whatever a real kernel does.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

import seg3d_ros

aten = torch.ops.aten
CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)
PACKAGE = str(Path(seg3d_ros.__file__).parent) + "/"
# Operations whose result has a size or a value that only the GPU knows.
WAITS = {
    "_local_scalar_dense", "nonzero", "_unique2", "unique_consecutive", "unique_dim",
    "masked_select", "is_nonzero", "equal", "bincount",
}  # fmt: skip
# CUDA takes indices and copies from the CPU, and zero-dimensional tensors everywhere.
MAY_MIX = {"copy_", "_to_copy", "index", "index_put_", "_index_put_impl_", "index_put"}


class PretendTensor(torch.Tensor):
    """Tensor on the pretend device."""

    value: Tensor

    @staticmethod
    def __new__(cls, value: Tensor) -> PretendTensor:
        made = torch.Tensor._make_wrapper_subclass(
            cls, value.size(), strides=value.stride(), storage_offset=value.storage_offset(),
            dtype=value.dtype, device=CUDA,
        )  # fmt: skip
        made.value = value
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise RuntimeError(f"{func} on a pretend tensor outside of `pretend_cuda`")

    def __repr__(self) -> str:
        return f"PretendTensor({self.value!r})"

    def numpy(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("can't convert cuda:0 device type tensor to numpy")

    __array__ = numpy

    def tolist(self) -> Any:
        return self.cpu().tolist()

    # PyTorch's own ask the driver for the current device before they reach an operation.

    def contiguous(self, memory_format: Any = torch.contiguous_format) -> Tensor:
        if self.is_contiguous():
            return self
        return aten.clone(self, memory_format=memory_format)

    def nonzero(self) -> Tensor:
        return aten.nonzero(self)

    def new_tensor(self, data: Any, *, dtype: Any = None, **_: Any) -> Tensor:
        return torch.tensor(data, dtype=dtype or self.dtype, device=CUDA)

    def copy_(self, source: Tensor, non_blocking: bool = False) -> Tensor:
        return aten.copy_(self, source, non_blocking)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return int(self.item())

    def __invert__(self) -> Tensor:
        return aten.bitwise_not(self)

    def __getitem__(self, index: Any) -> Tensor:
        x, tensors = _sliced(self, index)
        return aten.index(x, tensors) if tensors else x

    def __setitem__(self, index: Any, value: Any) -> None:
        x, tensors = _sliced(self, index)
        if not isinstance(value, Tensor):
            value = aten.full([], value, dtype=self.dtype, device=CUDA)
        if tensors:
            aten.index_put_(x, tensors, value.to(self.dtype))
        else:
            aten.copy_(x, value)


class PretendDevice(TorchDispatchMode):
    """Runs operations on the CPU, and keeps account of what CUDA would have to wait for.

    Attributes:
        waits: reads of values or sizes by the host, by line of the package.
        uploads: blocking copies from the CPU, by line of the package.
        operations: number of operations so far.
        lost_after: number of operations after which the device refuses all; None: never.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits: Counter[str] = Counter()
        self.uploads: Counter[str] = Counter()
        self.operations = 0
        self.lost_after: int | None = None

    def forget(self) -> None:
        """Begin to count anew."""
        self.waits.clear()
        self.uploads.clear()

    def refuse_if_lost(self, *_: Any) -> None:
        """Raise what CUDA raises after a failed kernel."""
        if self.lost_after is not None and self.operations > self.lost_after:
            raise RuntimeError("CUDA error: device-side assert triggered")

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        name = func._schema.name.partition("::")[2]
        given = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
        here = [x for x in given if isinstance(x, PretendTensor)]
        wanted = kwargs.get("device")
        goal = torch.device(wanted).type if wanted is not None else None
        if not here and goal != "cuda":
            return func(*args, **kwargs)
        self.operations += 1
        self.refuse_if_lost()
        self._check(name, given)
        self._count(name, args, given, goal)
        if name in ATTENTION:
            return ATTENTION[name](*args, **kwargs)
        if goal:
            kwargs["device"] = CPU
        kwargs.pop("pin_memory", None)
        plain_args, plain_kwargs = tree_map(_plain, (args, kwargs))
        if name == "_softmax" and plain_args[2]:  # half to float in one kernel, of CUDA alone
            plain_args = (plain_args[0].float(), plain_args[1], False)
        result = func(*plain_args, **plain_kwargs)
        if goal == "cpu" or name == "_local_scalar_dense":
            return result
        if name.endswith("_") and not name.endswith("__"):
            return args[0]
        if "out" in kwargs:
            return kwargs["out"]
        return tree_map(_pretended, result)

    def _check(self, name: str, given: list[Tensor]) -> None:
        plain = [x for x in given if not isinstance(x, PretendTensor) and x.ndim]
        if plain and len(plain) < len(given) and name not in MAY_MIX:
            raise RuntimeError(
                "Expected all tensors to be on the same device, but found at least two devices, "
                f"cuda:0 and cpu! ({name} at {_site()})"
            )

    def _count(self, name: str, args: Any, given: list[Tensor], goal: str | None) -> None:
        mixed = len({isinstance(x, PretendTensor) for x in given}) == 2
        masks = name.startswith("index") and any(
            isinstance(x, Tensor) and x.dtype in (torch.bool, torch.uint8)
            for x in tree_leaves(args[1:2])
        )
        if name in WAITS or masks or (name == "_to_copy" and goal == "cpu"):
            self.waits[_site()] += 1
        elif (name == "_to_copy" and goal == "cuda" and not mixed and _is_plain(args[0])) or (
            mixed and name in MAY_MIX
        ):
            self.uploads[_site()] += 1


def _plain(x: Any) -> Any:
    return x.value if isinstance(x, PretendTensor) else x


def _is_plain(x: Any) -> bool:
    return not isinstance(x, PretendTensor)


def _pretended(x: Any) -> Any:
    return PretendTensor(x) if isinstance(x, Tensor) else x


def _site() -> str:
    """File and line of the package that an operation comes from."""
    frame = sys._getframe(1)
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(PACKAGE):
            return f"{path.removeprefix(PACKAGE)}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return "elsewhere"


def _sliced(x: Tensor, index: Any) -> tuple[Tensor, list[Tensor | None]]:
    """Apply integers, slices and None of an index; the tensors in it, one for each dimension."""
    parts = list(index) if isinstance(index, tuple) else [index]
    parts = [torch.as_tensor(part) if isinstance(part, list) else part for part in parts]
    if any(part is Ellipsis for part in parts):
        place = next(i for i, part in enumerate(parts) if part is Ellipsis)
        used = sum(_width(part) for part in parts if part is not None and part is not Ellipsis)
        parts[place : place + 1] = [slice(None)] * (x.ndim - used)
    tensors: dict[int, Tensor] = {}
    dim = 0
    for part in parts:
        if part is None:
            x, dim = aten.unsqueeze(x, dim), dim + 1
        elif isinstance(part, slice):
            ends = [None if end is None else int(end) for end in (part.start, part.stop)]
            x, dim = aten.slice(x, dim, *ends, part.step or 1), dim + 1
        elif isinstance(part, Tensor) and (part.ndim or part.dtype == torch.bool):
            tensors[dim] = part
            dim += _width(part)
        else:
            x = aten.select(x, dim, int(part))  # a tensor of no dimension: the host waits
    return x, [tensors.get(d) for d in range(max(tensors) + 1)] if tensors else []


def _width(part: Any) -> int:
    """Dimensions that a part of an index takes."""
    return part.ndim if isinstance(part, Tensor) and part.dtype == torch.bool else 1


def _attention(q: Any, k: Any, v: Any, mask: Any = None, *_: Any, scale: Any = None, **__: Any):
    """The memory-efficient kernel, by the definition."""
    mask = _plain(mask)
    out = aten._scaled_dot_product_attention_math(
        *(_plain(x).float() for x in (q, k, v)), None if mask is None else mask.float(),
        scale=scale,
    )[0]  # fmt: skip
    nothing = torch.zeros(())
    return tree_map(_pretended, (out.to(q.dtype), nothing, nothing, nothing))


ATTENTION = {
    "_fused_sdp_choice": lambda *_, **__: 2,  # the memory-efficient kernel
    "_scaled_dot_product_efficient_attention": _attention,
}


@contextmanager
def _autocast(kind: str, dtype: Any = None, enabled: bool = True, **_: Any) -> Iterator[None]:
    """`torch.autocast`, which switches itself off where PyTorch knows no CUDA."""
    before = torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)
    torch.set_autocast_enabled(kind, enabled)
    torch.set_autocast_dtype(kind, dtype or before[1])
    try:
        yield
    finally:
        torch.set_autocast_enabled(kind, before[0])
        torch.set_autocast_dtype(kind, before[1])
        torch.clear_autocast_cache()


def _without_gradient(self: Any) -> None:
    """`torch.inference_mode` as `torch.no_grad`: its tensors take no pretend ones."""
    self._pretended = torch.no_grad()
    self._pretended.__enter__()


def _where(choose: Any, condition: Tensor, first: Any = None, second: Any = None) -> Any:
    """`torch.where`, with numbers made tensors as CUDA does."""
    if first is None or not isinstance(condition, PretendTensor):
        return choose(condition, *(() if first is None else (first, second)))
    tensors = [x for x in (first, second) if isinstance(x, Tensor)]
    dtype = tensors[0].dtype if tensors else None
    parts = [
        x if isinstance(x, Tensor) else torch.tensor(x, dtype=_wide_enough(x, dtype), device=CUDA)
        for x in (first, second)
    ]
    return aten.where(condition, *parts)


def _wide_enough(number: Any, dtype: Any) -> Any:
    whole = dtype is not None and not dtype.is_floating_point
    return torch.get_default_dtype() if whole and isinstance(number, float) else dtype


@contextmanager
def pretend_cuda() -> Iterator[PretendDevice]:
    """One CUDA device for PyTorch to find; yields the account of its waits."""
    make_tensor = torch.tensor

    def tensor(data: Any, *, device: Any = None, **kwargs: Any) -> Tensor:
        made = make_tensor(data, **kwargs)
        return made if device is None else made.to(device)

    to = torch.nn.Module.to

    def module_to(module: Any, device: Any) -> Any:
        if torch.device(device).type == "cpu":
            return to(module, device)
        for part in module.requires_grad_(False).modules():
            for name, weight in part._parameters.items():
                if weight is not None:
                    moved = PretendTensor(weight.detach())
                    part._parameters[name] = torch.nn.Parameter(moved, requires_grad=False)
            part._buffers.update({n: _pretended(buffer) for n, buffer in part._buffers.items()})
        return module

    device = PretendDevice()
    changes = [
        (torch, "tensor", tensor),
        (torch.nn.Module, "to", module_to),
        (torch, "where", partial(_where, torch.where)),
        (torch, "autocast", _autocast),
        (torch.inference_mode, "__enter__", _without_gradient),
        (torch.inference_mode, "__exit__", lambda self, *e: self._pretended.__exit__(*e)),
        (torch.cuda, "_lazy_init", lambda: None),
        (torch.cuda, "is_available", lambda: True),
        (torch.cuda, "device_count", lambda: 1),
        (torch.cuda, "mem_get_info", lambda *_: (8 << 30, 8 << 30)),
        (torch.cuda, "synchronize", device.refuse_if_lost),
        (torch.cuda, "empty_cache", lambda: None),
        (torch.cuda, "device", lambda *_: nullcontext()),
    ]
    with ExitStack() as stack:
        for owner, name, value in changes:
            stack.enter_context(patch.object(owner, name, value))
        yield stack.enter_context(device)
