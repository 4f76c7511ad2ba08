"""MinkUNet: a U-Net of sparse convolutions.

Choy et al., "4D Spatio-Temporal ConvNets: Minkowski Convolutional Neural Networks" (2019). Four
strided convolutions lead to coarser voxels and four transposed ones back, each followed by
residual blocks; what a level had on the way down joins what comes up to it. Modules are named as
in WarpConvNet, so that its weights fit as they are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import nn

from seg3d_ros.errors import InputError
from seg3d_ros.sparse.convolution import SparseConv3d
from seg3d_ros.sparse.sequential import SparseSequential
from seg3d_ros.sparse.tensor import SparseTensor

STEPS = 4  # down, and as many up


class Convolution(SparseSequential):
    """Convolution, batch normalisation and, unless told otherwise, ReLU."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        activate: bool = True,
    ) -> None:
        conv = SparseConv3d(in_channels, out_channels, kernel_size, stride=stride, bias=False)
        activation = [nn.ReLU(inplace=True)] if activate else []
        super().__init__(conv, nn.BatchNorm1d(out_channels), *activation)


class ResidualBlock(nn.Module, ABC):
    """Layers whose result is added to their input, on the same voxels."""

    downsample: Convolution | None

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.downsample = (
            None
            if in_channels == out_channels
            else Convolution(in_channels, out_channels, 1, activate=False)
        )

    @abstractmethod
    def residual(self, x: SparseTensor) -> SparseTensor:
        """(N, C_in) -> (N, C_out): what is added."""

    def forward(self, x: SparseTensor) -> SparseTensor:
        """(N, C_in) -> (N, C_out)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        total = self.residual(x).features.add_(shortcut.features)
        return x.with_features(total.relu_())


class BasicBlock(ResidualBlock):
    """Two convolutions, as in ResNet-18 and -34."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels)
        self.conv1 = Convolution(in_channels, out_channels, 3)
        self.conv2 = Convolution(out_channels, out_channels, 3, activate=False)

    def residual(self, x: SparseTensor) -> SparseTensor:
        """(N, C_in) -> (N, C_out)."""
        return self.conv2(self.conv1(x))


class BottleneckBlock(ResidualBlock):
    """A convolution of a quarter of the channels, as in ResNet-50."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels)
        quarter = out_channels // 4
        self.conv1 = Convolution(in_channels, quarter, 1)
        self.conv2 = Convolution(quarter, quarter, 3)
        self.conv3 = Convolution(quarter, out_channels, 1, activate=False)

    def residual(self, x: SparseTensor) -> SparseTensor:
        """(N, C_in) -> (N, C_out)."""
        return self.conv3(self.conv2(self.conv1(x)))


class UpConvolution(nn.Module):
    """Transposed convolution onto the finer voxels, whose own features join it."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv_tr = SparseConv3d(
            in_channels, out_channels, 2, stride=2, transposed=True, bias=False
        )
        self.norm_act = nn.Sequential(nn.BatchNorm1d(out_channels), nn.ReLU(inplace=True))

    def forward(self, x: SparseTensor, skip: SparseTensor) -> SparseTensor:
        """Coarse features and those of the finer level -> both side by side on that level."""
        up = self.norm_act(self.conv_tr(x, skip).features)
        return skip.with_features(torch.cat([up, skip.features], dim=1))


class MinkUNet(nn.Module):
    """Features of every voxel from its own and its surroundings.

    Args:
        in_channels: of the input.
        out_channels: of the output; None leaves the last product out: the output is then the
            finest level of `decode`.
        planes: channels of the four levels down, then of the four up.
        layers: residual blocks of the same.
        init_dim: channels of the first convolution, which sees the finest voxels.
        init_kernel_size: its edge, odd.
        bottleneck: which residual blocks, `BottleneckBlock` or `BasicBlock`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int | None,
        *,
        planes: Sequence[int] = (32, 64, 128, 256, 256, 128, 96, 96),
        layers: Sequence[int] = (2, 2, 2, 2, 2, 2, 2, 2),
        init_dim: int = 32,
        init_kernel_size: int = 1,
        bottleneck: bool = False,
    ) -> None:
        super().__init__()
        if len(planes) != 2 * STEPS or len(layers) != 2 * STEPS:
            raise InputError(
                f"planes {tuple(planes)} and layers {tuple(layers)} need {2 * STEPS} numbers each"
            )
        block = BottleneckBlock if bottleneck else BasicBlock
        down = [init_dim, *planes[:STEPS]]
        self.conv0 = Convolution(in_channels, init_dim, init_kernel_size)
        for i in range(STEPS):
            self.add_module(f"conv{i + 1}", Convolution(down[i], down[i], 2, stride=2))
            self.add_module(f"block{i + 1}", _blocks(block, down[i], down[i + 1], layers[i]))
        below = planes[STEPS - 1]
        for i in range(STEPS, 2 * STEPS):
            skip = down[2 * STEPS - 1 - i]
            self.add_module(f"convtr{i}", UpConvolution(below, planes[i]))
            joined = planes[i] + skip
            self.add_module(f"block{i + 1}", _blocks(block, joined, planes[i], layers[i]))
            below = planes[i]
        self.final = None if out_channels is None else SparseConv3d(below, out_channels, 1)

    def decode(self, x: SparseTensor) -> list[SparseTensor]:
        """All four levels on the way up, coarse to fine: strides 8, 4, 2 and 1, `planes[4:]`."""
        x = self.conv0(x)
        skips = []
        for i in range(1, STEPS + 1):
            skips.append(x)
            x = self._run(f"block{i}", self._run(f"conv{i}", x))
        levels = []
        for i in range(STEPS, 2 * STEPS):
            x = self._run(f"block{i + 1}", self._run(f"convtr{i}", x, skips.pop()))
            levels.append(x)
        return levels

    def forward(self, x: SparseTensor) -> SparseTensor:
        """(N, in_channels) -> (N, out_channels) on the same voxels."""
        *_, finest = self.decode(x)
        return finest if self.final is None else self.final(finest)

    def _run(self, name: str, *inputs: SparseTensor) -> SparseTensor:
        return self.get_submodule(name)(*inputs)


class MinkUNet18(MinkUNet):
    """Two blocks at every level."""

    def __init__(self, in_channels: int, out_channels: int, *, init_kernel_size: int = 1) -> None:
        super().__init__(in_channels, out_channels, init_kernel_size=init_kernel_size)


class MinkUNet34(MinkUNet):
    """More blocks on the way down."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        init_kernel_size: int = 1,
        bottleneck: bool = False,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            layers=(2, 3, 4, 6, 2, 2, 2, 2),
            init_kernel_size=init_kernel_size,
            bottleneck=bottleneck,
        )


class MinkUNet50(MinkUNet34):
    """As many blocks, with a quarter of the channels inside each."""

    def __init__(self, in_channels: int, out_channels: int, *, init_kernel_size: int = 1) -> None:
        super().__init__(
            in_channels, out_channels, init_kernel_size=init_kernel_size, bottleneck=True
        )


def _blocks(
    block: type[ResidualBlock], in_channels: int, out_channels: int, count: int
) -> nn.Sequential:
    widths = [in_channels] + [out_channels] * (count - 1)
    return nn.Sequential(*(block(width, out_channels) for width in widths))
