"""The backbone of SpaCeFormer: an encoder and a decoder of blocks over five voxel sizes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from seg3d_ros.networks.spaceformer.block import Block, BlockConfig
from seg3d_ros.networks.spaceformer.config import BackboneConfig
from seg3d_ros.sparse.convolution import SparseConv3d
from seg3d_ros.sparse.grid import VoxelGrid
from seg3d_ros.sparse.grouping import Groups
from seg3d_ros.sparse.pooling import unpool
from seg3d_ros.sparse.sequential import MaxPool3d, SparseSequential
from seg3d_ros.sparse.tensor import SparseTensor

STEM_KERNEL = 5


class UpStep(nn.Sequential):
    """Step to the finer level: project, copy to the children, merge with the skip."""

    def __init__(self, in_channels: int, skip_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.Linear(in_channels, out_channels),
            nn.Identity(),  # the place of the unpooling in the checkpoint's numbering
            nn.Linear(skip_channels + out_channels, out_channels),
            nn.BatchNorm1d(out_channels),
            nn.GELU(),
        )

    def forward(self, x: SparseTensor, skip: SparseTensor) -> SparseTensor:  # type: ignore[override]
        """Coarse features and the skip of the finer level -> features of that level."""
        project, _, merge, norm, activation = self
        x = unpool(x.with_features(project(x.features)), skip)
        return x.with_features(activation(norm(merge(x.features))))


class Head(nn.Module):
    """The last projection, named as in the checkpoint."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.block = nn.Linear(in_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C_in) -> (N, C_out)."""
        return self.block(x)


class Backbone(nn.Module):
    """Features of every voxel from its colour and its surroundings.

    Decoder modules are listed from the coarsest level to the finest, as they run.
    """

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.config = config
        enc, dec = config.enc_channels, config.dec_channels
        self.conv = SparseSequential(
            SparseConv3d(config.in_channels, enc[0], STEM_KERNEL),
            nn.BatchNorm1d(enc[0]),
            nn.GELU(),
        )
        self.encs = nn.ModuleList(
            _level(block, depth)
            for block, depth in zip(_encoder_blocks(config), config.enc_depths)
        )
        self.down_convs = nn.ModuleList(
            SparseSequential(nn.Linear(a, b), MaxPool3d(), nn.BatchNorm1d(b), nn.GELU())
            for a, b in itertools.pairwise(enc)
        )
        levels = range(len(dec))[::-1]
        below = [*dec[1:], enc[-1]]
        self.up_convs = nn.ModuleList(UpStep(below[i], enc[i], dec[i]) for i in levels)
        blocks = _decoder_blocks(config)
        self.decs = nn.ModuleList(_level(blocks[i], config.dec_depths[i]) for i in levels)
        self.final = Head(dec[0], config.out_channels)

    def blocks(self) -> Iterator[tuple[int, Block]]:
        """Yield (level, block) as they run."""
        levels = [*range(len(self.encs)), *range(len(self.decs))[::-1]]
        for level, blocks in zip(levels, [*self.encs, *self.decs], strict=True):
            for block in blocks:
                yield level, block

    def draw_orders(self, generator: torch.Generator | None = None) -> list[str]:
        """A window offset or curve for each block, as they run.

        Drawn one by one like the reference, so that seeding torch gives the same as there.

        Args:
            generator: of the CPU; torch's own if not given.
        """
        orders = []
        for count, (_, block) in enumerate(self.blocks()):
            curve = block.config.attention == "c"
            names = self.config.patch_orders if curve else self.config.voxel_offsets
            if self.config.shuffle_orders:
                count = int(torch.randint(0, len(names), (1,), generator=generator))
            orders.append(names[count % len(names)])
        return orders

    def forward(
        self, x: SparseTensor, *, generator: torch.Generator | None = None
    ) -> SparseTensor:
        """(N, in_channels) -> (N, out_channels) on the same voxels.

        Args:
            x: the voxels.
            generator: of the CPU, for the orders; torch's own if not given.
        """
        groups = iter(self._groups(x.grid, generator))
        x = self.conv(x)
        skips = []
        for level, blocks in enumerate(self.encs):
            x = self.down_convs[level - 1](x) if level else x
            x = _run(blocks, x, groups)
            skips.append(x)
        skips.pop()
        for up, blocks in zip(self.up_convs, self.decs, strict=True):
            x = _run(blocks, up(x, skips.pop()), groups)
        return x.with_features(self.final(x.features))

    def _groups(self, grid: VoxelGrid, generator: torch.Generator | None) -> list[Groups]:
        """All groups, before any features: a GPU is waited for while it has nothing to do."""
        grids = [grid]
        for _ in self.down_convs:
            grids.append(grids[-1].coarser()[0])
        orders = self.draw_orders(generator)
        return [
            block.groups(grids[level], order, generator=generator)
            for (level, block), order in zip(self.blocks(), orders, strict=True)
        ]


def _level(config: BlockConfig, depth: int) -> nn.ModuleList:
    return nn.ModuleList(Block(config) for _ in range(depth))


def _run(blocks: Any, x: SparseTensor, groups: Iterator[Groups]) -> SparseTensor:
    for block in blocks:
        x = block(x, next(groups))
    return x


def _encoder_blocks(config: BackboneConfig) -> list[BlockConfig]:
    sizes = (
        config.enc_channels,
        config.enc_num_head,
        config.enc_attn_types,
        config.enc_patch_size,
        config.enc_rope_bases,
    )
    return [_block(config, *size) for size in zip(*sizes, strict=True)]


def _decoder_blocks(config: BackboneConfig) -> list[BlockConfig]:
    sizes = (
        config.dec_channels,
        config.dec_num_head,
        config.dec_attn_types,
        config.dec_patch_size,
        config.dec_rope_bases,
    )
    return [_block(config, *size) for size in zip(*sizes, strict=True)]


def _block(
    config: BackboneConfig, channels: int, heads: int, attention: str, patch: int, base: float
) -> BlockConfig:
    rope_base = base if config.rope_base is None else config.rope_base
    return BlockConfig(
        channels,
        heads,
        attention,
        patch,
        block_type=config.block_type,
        kernel_size=config.kernel_size,
        mlp_ratio=config.mlp_ratio,
        drop_path=config.drop_path,
        rope_base=rope_base if config.use_rope else None,
    )
