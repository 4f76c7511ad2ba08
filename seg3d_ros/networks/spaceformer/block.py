"""The block of SpaCeFormer's backbone: a convolution, attention in groups, a gated MLP."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, silu

from seg3d_ros.errors import InputError
from seg3d_ros.networks.spaceformer.config import BlockType
from seg3d_ros.sparse.attention import grouped_attention
from seg3d_ros.sparse.convolution import SparseConv3d
from seg3d_ros.sparse.grid import VoxelGrid
from seg3d_ros.sparse.grouping import Groups, curve_groups, scene_groups, window_groups
from seg3d_ros.sparse.rope import rotate, rotation_table
from seg3d_ros.sparse.sequential import SparseSequential
from seg3d_ros.sparse.tensor import SparseTensor


@dataclass(frozen=True)
class BlockConfig:
    """Sizes of one block.

    Attributes:
        channels: width.
        heads: attention heads.
        attention: "s" for windows, "c" for patches along a curve, "a" for whole scenes.
        patch_size: edge of a window or number of voxels in a patch.
        block_type: where it normalises.
        kernel_size: of the convolution.
        mlp_ratio: hidden width of the MLP over `channels`.
        drop_path: probability that a sublayer skips a voxel in training.
        rope_base: of the rotations; None for no rotations.
    """

    channels: int
    heads: int
    attention: str
    patch_size: int
    block_type: BlockType = "stream_norm"
    kernel_size: int = 3
    mlp_ratio: float = 2.0
    drop_path: float = 0.0
    rope_base: float | None = 2000

    def __post_init__(self) -> None:
        if self.attention not in ("s", "c", "a"):
            raise InputError(f"attention type {self.attention!r}; give 's', 'c' or 'a'")
        if self.channels % self.heads:
            raise InputError(f"{self.channels} channels do not divide into {self.heads} heads")


class Normalized(nn.Module):
    """Layer norm of feature rows, named as in the checkpoint."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C) -> (N, C)."""
        return self.norm(x)


class QKVProjection(nn.Module):
    """Queries, keys and values at once; `weight` is (3, C_in, C_out), applied as x @ weight."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(3, channels, channels))
        self.bias = nn.Parameter(torch.zeros(3 * channels))
        nn.init.normal_(self.weight, std=channels**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C) -> (N, 3 * C)."""
        return linear(x, self.weight.transpose(1, 2).flatten(0, 1), self.bias)


class GroupAttention(nn.Module):
    """Attention of voxels within their group, with positions as rotations."""

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.config = config
        self.qkv = QKVProjection(config.channels)
        self.proj = nn.Linear(config.channels, config.channels)

    def forward(self, x: SparseTensor, groups: Groups) -> Tensor:
        """(N, C) features of the sublayer."""
        projected = self.qkv(x.features).unflatten(1, (3, self.config.heads, -1))
        q, k, v = projected.unbind(1)
        if self.config.rope_base is not None:
            table = self._rotations(x.grid, self.config.rope_base)
            q, k = rotate(q, table), rotate(k, table)
        return self.proj(grouped_attention(q, k, v, groups).flatten(1))

    def _rotations(self, grid: VoxelGrid, base: float) -> tuple[Tensor, Tensor]:
        head_dim = self.config.channels // self.config.heads

        def build() -> tuple[Tensor, Tensor]:
            positions = grid.coordinates[:, 1:] - grid.minimum + 1
            return rotation_table(positions, head_dim=head_dim, base=base)

        return grid.cached(("rotations", head_dim, base), build)


class GatedMLP(nn.Module):
    """SwiGLU (Shazeer, "GLU variants improve Transformer", 2020) without biases."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.w1 = nn.Linear(channels, hidden, bias=False)
        self.w2 = nn.Linear(hidden, channels, bias=False)
        self.w3 = nn.Linear(channels, hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C) -> (N, C)."""
        return self.w2(silu(self.w1(x)) * self.w3(x))


class DropPath(nn.Module):
    """Leaves out rows at random in training, and scales the others up for it."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        """(N, C) -> (N, C)."""
        if not self.training or self.probability == 0:
            return x
        kept = torch.rand(len(x), 1, device=x.device) >= self.probability
        return x * kept / (1 - self.probability)


class Block(nn.Module):
    """Convolution, attention and MLP, each with a residual."""

    def __init__(self, config: BlockConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.channels
        self.conv = SparseSequential(
            SparseConv3d(channels, channels, config.kernel_size),
            nn.Linear(channels, channels),
            Normalized(channels),
        )
        self.norm1 = Normalized(channels)
        self.attention = GroupAttention(config)
        self.norm2 = Normalized(channels)
        self.mlp = GatedMLP(channels, int(channels * config.mlp_ratio))
        self.drop_path = DropPath(config.drop_path)

    def groups(
        self, grid: VoxelGrid, order: str, *, generator: torch.Generator | None = None
    ) -> Groups:
        """The groups that its attention is confined to; `order` is an offset or a curve."""
        if self.config.attention == "s":
            return window_groups(grid, self.config.patch_size, order)
        if self.config.attention == "c":
            return curve_groups(grid, self.config.patch_size, order, generator=generator)
        return scene_groups(grid)

    def forward(self, x: SparseTensor, groups: Groups) -> SparseTensor:
        """Run the three sublayers."""
        out = self.conv(x).features + x.features
        if self.config.block_type == "pre_norm":
            out = out + self._attend(x, self.norm1(out), groups)
            out = out + self.drop_path(self.mlp(self.norm2(out)))
        elif self.config.block_type == "post_norm":
            out = self.norm1(self._attend(x, out, groups) + out)
            out = self.norm2(self.drop_path(self.mlp(out)) + out)
        else:
            out = self.norm1(out)  # the residual is normalised as well
            out = self.norm2(self._attend(x, out, groups) + out)
            out = self.drop_path(self.mlp(out)) + out
        return x.with_features(out)

    def _attend(self, x: SparseTensor, features: Tensor, groups: Groups) -> Tensor:
        return self.drop_path(self.attention(x.with_features(features), groups))
