"""Sizes of SpaCeFormer; the defaults are those of the released checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

BlockType = Literal["stream_norm", "pre_norm", "post_norm"]


@dataclass(frozen=True)
class BackboneConfig:
    """The U-shaped backbone. Tuples have an entry per level, the finest first.

    Attributes:
        in_channels: features of a point; RGB in [-1, 1] in the released network.
        out_channels: features it returns for each voxel.
        block_type: where a block normalises: on its stream, or before or after each sublayer.
        enc_channels: width of each encoder level.
        enc_num_head: attention heads.
        enc_patch_size: edge of a window, or number of voxels of a patch.
        enc_depths: number of blocks.
        enc_attn_types: a letter per level: "s" for windows in space, "c" for patches along a
            curve, "a" for whole scenes.
        dec_channels: the same for the decoder, which has no coarsest level.
        dec_num_head: see `enc_num_head`.
        dec_patch_size: see `enc_patch_size`.
        dec_depths: see `enc_depths`.
        dec_attn_types: see `enc_attn_types`.
        kernel_size: of the convolution in each block.
        mlp_ratio: hidden width of the gated MLP over the width of the level.
        drop_path: probability that a sublayer skips a voxel in training.
        shuffle_orders: draw each block's window offset or curve at random, in inference too.
        use_rope: turn queries and keys with the voxel's position.
        rope_base: of the rotations in all levels; None for the base of each level.
        enc_rope_bases: used where `rope_base` is None.
        dec_rope_bases: used where `rope_base` is None.
        voxel_offsets: window offsets to choose from.
        patch_orders: curves to choose from.
    """

    in_channels: int = 3
    out_channels: int = 1152
    block_type: BlockType = "stream_norm"
    enc_channels: tuple[int, ...] = (32, 64, 128, 256, 512)
    enc_num_head: tuple[int, ...] = (2, 4, 8, 16, 32)
    enc_patch_size: tuple[int, ...] = (64, 48, 1024, 1024, 1024)
    enc_depths: tuple[int, ...] = (2, 2, 2, 6, 2)
    enc_attn_types: str = "ssccc"
    dec_channels: tuple[int, ...] = (512, 384, 256, 256)
    dec_num_head: tuple[int, ...] = (8, 8, 8, 16)
    dec_patch_size: tuple[int, ...] = (64, 48, 1024, 1024)
    dec_depths: tuple[int, ...] = (2, 2, 2, 2)
    dec_attn_types: str = "sscc"
    kernel_size: int = 3
    mlp_ratio: float = 2.0
    drop_path: float = 0.2
    shuffle_orders: bool = True
    use_rope: bool = True
    rope_base: float | None = 2000
    enc_rope_bases: tuple[float, ...] = (250, 250, 250, 250, 250)
    dec_rope_bases: tuple[float, ...] = (250, 250, 250, 250)
    voxel_offsets: tuple[str, ...] = ("zero", "xy", "xz", "yz", "xyz")
    patch_orders: tuple[str, ...] = (
        "random",
        "morton_xyz",
        "morton_xzy",
        "morton_yxz",
        "morton_yzx",
        "morton_zxy",
        "morton_zyx",
    )


@dataclass(frozen=True)
class SpaceformerConfig:
    """Backbone and query decoder.

    Attributes:
        backbone: see `BackboneConfig`.
        hidden_dim: width of queries and keys.
        feedforward_dim: hidden width of the decoder's feed-forward layer.
        clip_dim: width of the text space that instances are described in.
        num_queries: learned queries; asking for more repeats them.
        num_heads: heads of the decoder's attention.
        decoder_iterations: how often the same decoder layer is run.
        voxel_size: metres.
        concat_unpooled_pc: append a point's own features to those of its voxel.
        rope_base: of the rotations of queries and keys in the decoder.
        use_iou_head: predict how well each mask fits; not in the released network.
    """

    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    hidden_dim: int = 512
    feedforward_dim: int = 1024
    clip_dim: int = 1152
    num_queries: int = 200
    num_heads: int = 8
    decoder_iterations: int = 3
    voxel_size: float = 0.02
    concat_unpooled_pc: bool = False
    rope_base: float = 2000
    use_iou_head: bool = False


RELEASED = SpaceformerConfig()
