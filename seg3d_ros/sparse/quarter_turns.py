"""Quarter turns about the vertical and mirror images, of points and of convolution kernels.

They map voxels to voxels. So instead of a scene, the kernels of a network can be turned: it then
computes what it would of the turned scene, with voxels and neighbours as they are.
"""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

from seg3d_ros.sparse.convolution import SparseConv3d
from seg3d_ros.sparse.kernel_map import kernel_offsets

VIEWS = 8  # four quarter turns, then the same mirrored
_TURNS = 4

M = TypeVar("M", bound=nn.Module)


def turned(vectors: Tensor, view: int) -> Tensor:
    """(N, 3) vectors mirrored in y from the fifth view on, then turned by `view` quarters."""
    x, y, z = vectors.unbind(1)
    if view >= _TURNS:
        y = -y
    for _ in range(view % _TURNS):
        x, y = -y, x
    return torch.stack([x, y, z], dim=1)


def turned_back(vectors: Tensor, view: int) -> Tensor:
    """Inverse of `turned`."""
    x, y, z = vectors.unbind(1)
    for _ in range(view % _TURNS):
        x, y = y, -x
    if view >= _TURNS:
        y = -y
    return torch.stack([x, y, z], dim=1)


def with_turned_kernels(network: M, view: int) -> M:
    """Copy of a sparse network that computes on a scene what `network` does on the turned one."""
    network = copy.deepcopy(network)
    for module in network.modules():
        if isinstance(module, SparseConv3d):
            taps = _taps(module.kernel_size, view).to(module.weight.device)
            module.weight.data = module.weight.data[taps].contiguous()
    return network


def _taps(size: int, view: int) -> Tensor:
    """(K,) tap that each tap of a kernel of this edge becomes."""
    steps = torch.tensor(kernel_offsets(size), dtype=torch.float32)
    middle = steps.mean(dim=0)
    places = (turned(steps - middle, view) + middle).round().long() - steps.min().long()
    return (places[:, 0] * size + places[:, 1]) * size + places[:, 2]
