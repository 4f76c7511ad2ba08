"""Sizes of Point-SAM; the defaults are those of the released checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class TransformerConfig:
    """The encoder over patches, whose weights have the names of timm's image transformers.

    Attributes:
        form: "eva02" has separate projections and gated feed-forward layers; "eva" is plain.
        width: channels of a token.
        depth: number of blocks.
        heads: attention heads.
        mlp_width: hidden width of the feed-forward layers.
        image_size: edge of the images that the transformer was made for; the tensors for them are
            in the checkpoints, though nothing reads them. None: there are none.
        image_classes: outputs of the head for images.
    """

    form: Literal["eva02", "eva"] = "eva02"
    width: int = 1024
    depth: int = 24
    heads: int = 16
    mlp_width: int = 2730
    image_size: int | None = 448
    image_classes: int = 1000


@dataclass(frozen=True)
class PointSamConfig:
    """Encoder of clouds and decoder of clicks.

    Attributes:
        transformer: see `TransformerConfig`.
        tokenizer: "knn" makes patches of the nearest points of each center, "voronoi" of the
            points whose nearest center it is.
        patch_widths: hidden widths of what encodes the points of a patch.
        patch_channels: features of a patch before the transformer.
        voronoi_width: hidden width of the Voronoi tokenizer.
        voronoi_mask_width: the same for mask prompts.
        width: channels of the decoder.
        decoder_heads: attention heads.
        decoder_depth: two-way layers.
        decoder_mlp_width: hidden width of the feed-forward layers.
        iou_width: hidden width of the head that predicts how good a mask is.
        patches: number of patches of a cloud.
        patch_points: nearest points in each, with the "knn" tokenizer.
        points_per_patch: small clouds get fewer patches: one for so many points.
        large_cloud: clouds with more points get twice as many patches, as the authors advise.
        most_points: that a cloud should have; larger ones are better thinned out.
    """

    transformer: TransformerConfig = field(default_factory=TransformerConfig)
    tokenizer: Literal["knn", "voronoi"] = "knn"
    patch_widths: tuple[int, int] = (128, 512)
    patch_channels: int = 512
    voronoi_width: int = 256
    voronoi_mask_width: int = 1024
    width: int = 256
    decoder_heads: int = 8
    decoder_depth: int = 2
    decoder_mlp_width: int = 2048
    iou_width: int = 256
    patches: int = 1024
    patch_points: int = 256
    points_per_patch: int = 1
    large_cloud: int = 100_000
    most_points: int = 150_000

    def patch_counts(self, points: int) -> tuple[int, int]:
        """Number of patches, and points in each, for a cloud with so many points."""
        patches = self.patches * (2 if points > self.large_cloud else 1)
        most = max(1, points // self.points_per_patch)
        return min(patches, most), min(self.patch_points, points)


LARGE = PointSamConfig()
GIANT = PointSamConfig(
    TransformerConfig("eva", width=1408, depth=40, mlp_width=6144, image_size=560),
    patches=512,
    patch_points=64,
)
MINI = PointSamConfig(
    TransformerConfig(width=192, depth=5, heads=6, mlp_width=512, image_size=None),
    patch_widths=(32, 64),
    patch_channels=128,
    width=128,
    decoder_heads=4,
    decoder_mlp_width=512,
    iou_width=128,
    patches=512,
    patch_points=16,
    points_per_patch=8,
    most_points=6144,
)
SIZES = {"large": LARGE, "giant": GIANT, "mini": MINI}
