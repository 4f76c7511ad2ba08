"""SpUNet: a residual U-Net of sparse convolutions, with weights as spconv lays them out.

Modules are named as in the released models, so that their weights fit as they are. Two habits of
spconv are part of what those weights were trained with: a strided convolution drops voxels at
odd borders (`strided_grid`), and one of kernel size 1 reads its weight transposed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from seg3d_ros.sparse.convolution import sparse_convolution
from seg3d_ros.sparse.grid import VoxelGrid, pack, unpack
from seg3d_ros.sparse.kernel_map import KernelMap, map_between, submanifold_map
from seg3d_ros.sparse.tensor import SparseTensor

SMALLEST_EXTENT = 128  # voxels an axis of the finest grid
_EXTENT = "spconv extent"
_STRIDED = "spconv strided"


def grid_extent(grid: VoxelGrid) -> tuple[int, int, int]:
    """Voxels of the volume that spconv imagines around a grid, by axis."""

    def build() -> tuple[int, int, int]:
        x, y, z = (grid.coordinates[:, 1:].amax(0) + 1).clamp(min=SMALLEST_EXTENT).tolist()
        return x, y, z

    return grid.cached(_EXTENT, build)


def strided_grid(grid: VoxelGrid) -> tuple[VoxelGrid, KernelMap]:
    """Grid of voxels twice as large, and the map of a kernel of size 2 onto it.

    An odd extent has no room for the parents of its last slice: those voxels reach no parent, and
    get nothing back from one.

    Args:
        grid: coordinates from 0 upwards.
    """

    def build() -> tuple[VoxelGrid, KernelMap]:
        extent = tuple(edge // 2 for edge in grid_extent(grid))
        parents = grid.coordinates.clone()
        parents[:, 1:] //= 2
        inside = (parents[:, 1:] < torch.tensor(extent, device=parents.device)).all(1)
        coarse = VoxelGrid(
            unpack(torch.unique(pack(parents[inside]))), grid.scenes, 2 * grid.stride
        )
        coarse.cached(_EXTENT, lambda: extent)
        return coarse, map_between(grid, coarse, size=2, stride=2)

    return grid.cached(_STRIDED, build)


class SpConv3d(nn.Module):
    """Submanifold convolution; the parameter `weight` is (C_out, kx, ky, kz, C_in).

    Args:
        in_channels: C_in.
        out_channels: C_out.
        kernel_size: odd.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.weight = nn.Parameter(torch.empty(out_channels, *[kernel_size] * 3, in_channels))
        bound = (kernel_size**3 * in_channels) ** -0.5
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, x: SparseTensor) -> SparseTensor:
        """(N, C_in) -> (N, C_out) on the same voxels."""
        if self.kernel_size == 1:
            outputs, inputs = self.weight.shape[0], self.weight.shape[-1]
            return x.with_features(x.features @ self.weight.reshape(inputs, outputs))
        kernel_map = submanifold_map(x.grid, self.kernel_size)
        return x.with_features(sparse_convolution(x.features, self._taps(), kernel_map))

    def _taps(self) -> Tensor:
        """(K, 1, C_in, C_out)."""
        return self.weight.flatten(1, 3).permute(1, 2, 0)[:, None]


class DownConv3d(SpConv3d):
    """Convolution of kernel size and stride 2."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 2)

    def forward(self, x: SparseTensor) -> SparseTensor:
        """(N, C_in) -> (M, C_out) on the coarser voxels."""
        grid, kernel_map = strided_grid(x.grid)
        return SparseTensor(grid, sparse_convolution(x.features, self._taps(), kernel_map))


class UpConv3d(SpConv3d):
    """The way back of a `DownConv3d`, onto the voxels that it came from."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 2)

    def forward(self, x: SparseTensor, onto: VoxelGrid) -> SparseTensor:  # type: ignore[override]
        """(M, C_in) -> (N, C_out); zero where the way down dropped a voxel."""
        kernel_map = strided_grid(onto)[1].transposed()
        return SparseTensor(onto, sparse_convolution(x.features, self._taps(), kernel_map))


class Chain(nn.Sequential):
    """Layers one after another; norms and activations are given the feature rows."""

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Apply all layers."""
        for layer in self:
            sparse = isinstance(layer, (SpConv3d, ResidualBlock))
            x = layer(x) if sparse else x.with_features(layer(x.features))
        return x


def norm_relu(channels: int) -> tuple[nn.Module, nn.Module]:
    """Batch normalisation and ReLU, as everywhere in this network."""
    return nn.BatchNorm1d(channels, eps=1e-4), nn.ReLU(inplace=True)


class ResidualBlock(nn.Module):
    """Two convolutions of size 3 with their norms before them, added to the input."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        same = in_channels == out_channels
        shortcut = nn.Identity() if same else SpConv3d(in_channels, out_channels, 1)
        self.i_branch = Chain(shortcut)
        self.conv_branch = Chain(
            *norm_relu(in_channels), SpConv3d(in_channels, out_channels, 3),
            *norm_relu(out_channels), SpConv3d(out_channels, out_channels, 3),
        )  # fmt: skip

    def forward(self, x: SparseTensor) -> SparseTensor:
        """(N, C_in) -> (N, C_out)."""
        return x.with_features(self.conv_branch(x).features + self.i_branch(x).features)


class Level(nn.Module):
    """One resolution and, inside it, all coarser ones.

    Args:
        widths: channels of this level and of the coarser ones.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        width, *coarser = widths
        self.blocks = _blocks(width, width)
        self.has_coarser = bool(coarser)
        if coarser:
            self.conv = Chain(*norm_relu(width), DownConv3d(width, coarser[0]))
            self.u = Level(coarser)
            self.deconv = nn.ModuleList([*norm_relu(coarser[0]), UpConv3d(coarser[0], width)])
            self.blocks_tail = _blocks(2 * width, width)

    def forward(self, x: SparseTensor) -> SparseTensor:
        """(N, width) -> (N, width)."""
        x = self.blocks(x)
        if not self.has_coarser:
            return x
        below = self.u(self.conv(x))
        norm, relu, up = self.deconv
        above = up(below.with_features(relu(norm(below.features))), x.grid)
        return self.blocks_tail(x.with_features(torch.cat([x.features, above.features], 1)))


class SpUNet(nn.Module):
    """Features of every voxel from its own and its surroundings.

    Args:
        in_channels: of the input.
        num_planes: channels of the levels, fine to coarse.
    """

    def __init__(
        self, in_channels: int = 6, num_planes: Sequence[int] = (32, 64, 96, 128, 160)
    ) -> None:
        super().__init__()
        width = num_planes[0]
        self.out_channels = width
        self.input_conv = Chain(SpConv3d(in_channels, width, 3))
        self.unet = Level(num_planes)
        self.output_layer = nn.Sequential(*norm_relu(width))

    def forward(self, x: SparseTensor) -> Tensor:
        """(N, in_channels) on voxels from 0 upwards -> (N, num_planes[0])."""
        features: Tensor = self.output_layer(self.unet(self.input_conv(x)).features)
        return features


def _blocks(in_channels: int, out_channels: int) -> Chain:
    first = ResidualBlock(in_channels, out_channels)
    second = ResidualBlock(out_channels, out_channels)
    return Chain(OrderedDict(block0=first, block1=second))
