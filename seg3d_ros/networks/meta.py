"""Networks without weights, for checkpoints that bring all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

_FILLS = (nn.init.normal_, nn.init.trunc_normal_)


class _Unfilled(TorchFunctionMode):
    """Draws no random numbers: on the meta device that loads torch's compiler, two seconds."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = dict(kwargs or {})
        if func in _FILLS:
            return args[0] if args else given["tensor"]
        if func is torch.randn:
            given.pop("generator", None)
            func = torch.empty
        return func(*args, **given)


@contextmanager
def without_weights() -> Iterator[None]:
    """Build modules on the meta device; load their weights with `assign=True`."""
    with torch.device("meta"), _Unfilled():
        yield
