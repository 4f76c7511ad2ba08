"""MinkUNet34C with weights as MinkowskiEngine lays them out.

The same network as `seg3d_ros.networks.minkunet` with a first kernel of size 5; modules are named
as in the released model, so that its weights fit as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from seg3d_ros.sparse.convolution import sparse_convolution
from seg3d_ros.sparse.grid import VoxelGrid
from seg3d_ros.sparse.kernel_map import strided_map, submanifold_map
from seg3d_ros.sparse.tensor import SparseTensor

PLANES = (32, 64, 128, 256, 256, 128, 96, 96)
LAYERS = (2, 3, 4, 6, 2, 2, 2, 2)
_STEPS = 4
_MOMENTUM = 0.02  # of the running means outside of the residual blocks


class MinkConv3d(nn.Module):
    """Convolution; the parameter `kernel` is (K, C_in, C_out), its taps with x fastest.

    Args:
        in_channels: C_in.
        out_channels: C_out.
        kernel_size: of size 1 the kernel is (C_in, C_out).
        bias: whether to add (1, C_out).
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, *, bias: bool = False
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        taps = [] if kernel_size == 1 else [kernel_size**3]
        self.kernel = nn.Parameter(torch.empty(*taps, in_channels, out_channels))
        self.bias = nn.Parameter(torch.zeros(1, out_channels)) if bias else None
        nn.init.normal_(self.kernel, std=(2 / (out_channels * kernel_size**3)) ** 0.5)

    def forward(self, x: SparseTensor) -> SparseTensor:
        """(N, C_in) -> (N, C_out) on the same voxels."""
        if self.kernel_size == 1:
            out = x.features @ self.kernel
            return x.with_features(out if self.bias is None else out + self.bias)
        kernel_map = submanifold_map(x.grid, self.kernel_size)
        return x.with_features(sparse_convolution(x.features, self._taps(), kernel_map))

    def _taps(self) -> Tensor:
        """(K, 1, C_in, C_out) with x slowest."""
        shape = (self.kernel_size,) * 3 + self.kernel.shape[1:]
        return self.kernel.view(shape).permute(2, 1, 0, 3, 4).flatten(0, 2)[:, None]


class MinkDownConv3d(MinkConv3d):
    """Convolution of kernel size and stride 2."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 2)

    def forward(self, x: SparseTensor) -> SparseTensor:
        """(N, C_in) -> (M, C_out) on the coarser voxels."""
        kernel_map = strided_map(x.grid, 2, 2)
        features = sparse_convolution(x.features, self._taps(), kernel_map)
        return SparseTensor(x.grid.coarser()[0], features)


class MinkUpConv3d(MinkConv3d):
    """Transposed convolution of kernel size and stride 2."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 2)

    def forward(self, x: SparseTensor, onto: VoxelGrid) -> SparseTensor:  # type: ignore[override]
        """(M, C_in) -> (N, C_out) on the voxels that those of `x` were made from."""
        kernel_map = strided_map(onto, 2, 2).transposed()
        return SparseTensor(onto, sparse_convolution(x.features, self._taps(), kernel_map))


class MinkBatchNorm(nn.Module):
    """Batch normalisation of the feature rows."""

    def __init__(self, channels: int, *, momentum: float = 0.1) -> None:
        super().__init__()
        self.bn = nn.BatchNorm1d(channels, momentum=momentum)

    def forward(self, x: SparseTensor) -> SparseTensor:
        """(N, C) -> (N, C)."""
        return x.with_features(self.bn(x.features))


class MinkBlock(nn.Module):
    """Two convolutions of size 3, added to the input before the last ReLU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = MinkConv3d(in_channels, out_channels, 3)
        self.norm1 = MinkBatchNorm(out_channels)
        self.conv2 = MinkConv3d(out_channels, out_channels, 3)
        self.norm2 = MinkBatchNorm(out_channels)
        self.downsample: nn.Module = nn.Identity()
        if in_channels != out_channels:
            shortcut = MinkConv3d(in_channels, out_channels, 1)
            self.downsample = nn.Sequential(shortcut, MinkBatchNorm(out_channels))

    def forward(self, x: SparseTensor) -> SparseTensor:
        """(N, C_in) -> (N, C_out)."""
        out = self.norm2(self.conv2(_relu(self.norm1(self.conv1(x)))))
        return _relu(out.with_features(out.features + self.downsample(x).features))


class MinkUNet34C(nn.Module):
    """Features of every voxel from its own and its surroundings.

    Args:
        in_channels: of the input.
        out_channels: of the head `final`, which `forward` leaves out.
        planes: channels of the four levels down, then of the four up.
        layers: residual blocks of the same.
        init_dim: channels of the first convolution.
        final_bias: whether the head adds one.
    """

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 200,
        *,
        planes: Sequence[int] = PLANES,
        layers: Sequence[int] = LAYERS,
        init_dim: int = 32,
        final_bias: bool = True,
    ) -> None:
        super().__init__()
        down = [init_dim, *planes[:_STEPS]]
        self.coarse_channels, self.out_channels = planes[_STEPS - 1], planes[-1]
        self.conv0p1s1 = MinkConv3d(in_channels, init_dim, 5)
        self.bn0 = MinkBatchNorm(init_dim, momentum=_MOMENTUM)
        for i in range(_STEPS):
            self.add_module(_down_name(i), MinkDownConv3d(down[i], down[i]))
            self.add_module(f"bn{i + 1}", MinkBatchNorm(down[i], momentum=_MOMENTUM))
            self.add_module(f"block{i + 1}", _blocks(down[i], down[i + 1], layers[i]))
        below = planes[_STEPS - 1]
        for i in range(_STEPS, 2 * _STEPS):
            self.add_module(_up_name(i), MinkUpConv3d(below, planes[i]))
            self.add_module(f"bntr{i}", MinkBatchNorm(planes[i], momentum=_MOMENTUM))
            joined = planes[i] + down[2 * _STEPS - 1 - i]
            self.add_module(f"block{i + 1}", _blocks(joined, planes[i], layers[i]))
            below = planes[i]
        self.final = MinkConv3d(below, out_channels, 1, bias=final_bias)

    def forward(self, x: SparseTensor) -> Tensor:
        """(N, in_channels) -> (N, planes[-1])."""
        return self.coarse_and_fine(x)[1].features

    def coarse_and_fine(self, x: SparseTensor) -> tuple[SparseTensor, SparseTensor]:
        """(N, in_channels) -> (M, planes[3]) of the coarsest voxels, (N, planes[-1]) of all."""
        x = _relu(self.bn0(self.conv0p1s1(x)))
        skips = []
        for i in range(_STEPS):
            skips.append(x)
            x = _relu(self._part(f"bn{i + 1}")(self._part(_down_name(i))(x)))
            x = self._part(f"block{i + 1}")(x)
        coarsest = x
        for i in range(_STEPS, 2 * _STEPS):
            skip = skips.pop()
            x = _relu(self._part(f"bntr{i}")(self._part(_up_name(i))(x, skip.grid)))
            joined = skip.with_features(torch.cat([x.features, skip.features], 1))
            x = self._part(f"block{i + 1}")(joined)
        return coarsest, x

    def _part(self, name: str) -> nn.Module:
        return self.get_submodule(name)


def _down_name(i: int) -> str:
    return f"conv{i + 1}p{2**i}s2"


def _up_name(i: int) -> str:
    return f"convtr{i}p{2 ** (2 * _STEPS - i)}s2"


def _relu(x: SparseTensor) -> SparseTensor:
    return x.with_features(x.features.relu())


def _blocks(in_channels: int, out_channels: int, count: int) -> nn.Sequential:
    widths = [in_channels] + [out_channels] * (count - 1)
    return nn.Sequential(*(MinkBlock(width, out_channels) for width in widths))
