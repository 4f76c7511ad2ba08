"""Sparse convolution: a sum over the taps of a kernel map, differentiable, and its module.

Two ways to the same sum, chosen by the device:

* `pairwise.py` multiplies only neighbours that exist; it is made for CPUs.
* `gathered.py` multiplies a row of all taps with zeros where nothing is, without waiting for
  the device; it is made for GPUs, and serves groups.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from seg3d_ros.sparse import gathered, pairwise
from seg3d_ros.sparse.grid import VoxelGrid
from seg3d_ros.sparse.kernel_map import KernelMap, strided_map, submanifold_map
from seg3d_ros.sparse.tensor import SparseTensor


class _SparseConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, kernel_map: KernelMap) -> Tensor:
        ctx.save_for_backward(features, weight)
        ctx.kernel_map = kernel_map
        return _way(features, weight).convolve(features, weight, kernel_map)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        features, weight = ctx.saved_tensors
        gradient = gradient.contiguous()
        way, of_features, of_weight = _way(features, weight), None, None
        if ctx.needs_input_grad[0]:
            of_features = way.convolve(gradient, _swapped(weight), ctx.kernel_map.transposed())
        if ctx.needs_input_grad[1]:
            of_weight = way.correlate(features, gradient, ctx.kernel_map, like=weight)
        return of_features, of_weight, None


def _way(features: Tensor, weight: Tensor) -> Any:
    return pairwise if features.device.type == "cpu" and weight.shape[1] == 1 else gathered


def _swapped(weight: Tensor) -> Tensor:
    """Weights of the convolution back from output to input channels."""
    return weight.transpose(2, 3).contiguous()


def sparse_convolution(features: Tensor, weight: Tensor, kernel_map: KernelMap) -> Tensor:
    """Sum over taps: `out[o] = Σ_k features[table[k, o]] @ weight[k]`.

    Under autocast both are cast to its type, which is also that of the result.

    Args:
        features: (N_in, C_in).
        weight: (K, groups, C_in / groups, C_out / groups).
        kernel_map: which input row each tap meets.

    Returns:
        (N_out, C_out); zero at voxels that no tap reaches from.
    """
    device = features.device.type
    if torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
        features, weight = features.to(dtype), weight.to(dtype)
    return _SparseConvolution.apply(features, weight, kernel_map)  # type: ignore[no-untyped-call]


class SparseConv3d(nn.Module):
    """Convolution of voxel features.

    At stride 1 the output voxels are the input voxels (a submanifold convolution); at a larger
    stride they are the voxels of the coarser grid; a transposed one goes back onto a finer grid
    that is given with the call.

    The parameter `weight` is (K, C_in, C_out), or (K, groups, C_in / groups, C_out / groups)
    with groups; K counts the taps with x slowest and z fastest. As a dense kernel it is
    `weight.view(k, k, k, C_in, C_out).permute(4, 3, 0, 1, 2)` on an (x, y, z) volume.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        groups: int = 1,
        transposed: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{in_channels} and {out_channels} channels do not divide into {groups} groups"
            )
        if stride == 1 and kernel_size % 2 == 0:
            raise ValueError(
                f"kernel size {kernel_size} needs a stride; at stride 1 use odd sizes"
            )
        self.kernel_size, self.stride, self.groups = kernel_size, stride, groups
        self.transposed = transposed
        shape = [kernel_size**3, in_channels // groups, out_channels // groups]
        if groups > 1:
            shape.insert(1, groups)
        self.weight = nn.Parameter(torch.empty(shape))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw uniformly within 1 / sqrt(fan-in), as dense convolutions do."""
        bound = (self.weight.shape[0] * self.weight.shape[-2]) ** -0.5
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, x: SparseTensor, onto: SparseTensor | None = None) -> SparseTensor:
        """Convolve; `onto` says where a transposed convolution goes.

        Raises:
            ValueError: a transposed convolution without `onto`, or one whose grid is not the
                one that the voxels of `x` were made from.
        """
        if self.transposed:
            grid, kernel_map = self._finer(x, onto)
        elif self.stride > 1:
            grid, _ = x.grid.coarser(self.stride)
            kernel_map = strided_map(x.grid, self.kernel_size, self.stride)
        elif self.kernel_size > 1:
            grid, kernel_map = x.grid, submanifold_map(x.grid, self.kernel_size)
        else:
            return x.with_features(self._pointwise(x.features))
        return SparseTensor(grid, self._summed(x.features, kernel_map))

    def _finer(self, x: SparseTensor, onto: SparseTensor | None) -> tuple[VoxelGrid, KernelMap]:
        if onto is None or onto.grid.coarser(self.stride)[0] is not x.grid:
            raise ValueError(
                "a transposed convolution needs `onto`: the tensor whose grid these voxels "
                f"were made from at stride {self.stride}"
            )
        kernel_map = strided_map(onto.grid, self.kernel_size, self.stride)
        return onto.grid, kernel_map.transposed()

    def _summed(self, features: Tensor, kernel_map: KernelMap) -> Tensor:
        weight = self.weight if self.groups > 1 else self.weight[:, None]
        out = sparse_convolution(features, weight, kernel_map)
        return out if self.bias is None else out + self.bias.to(out.dtype)

    def _pointwise(self, features: Tensor) -> Tensor:
        if self.groups == 1:
            return nn.functional.linear(features, self.weight[0].t(), self.bias)
        split = features.view(len(features), self.groups, -1)
        out = torch.einsum("ngi,gio->ngo", split, self.weight[0]).flatten(1)
        return out if self.bias is None else out + self.bias.to(out.dtype)
