"""Pyramid of image features from the features of a diffusion network."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import interpolate

from seg3d_ros.networks.xmask3d.layers import Bottleneck

STRIDES = (32, 16, 8, 4)  # of the pyramid, coarse to fine
_CHANNELS = 512


class ImagePyramid(nn.ModuleList):
    """A residual block for each feature; those of one stride are added up.

    Args:
        channels: of each feature.
        strides: of each feature in the image; beyond 32 it is enlarged to that.
    """

    def __init__(self, channels: Sequence[int], strides: Sequence[int]) -> None:
        super().__init__(nn.Sequential(Bottleneck(count, _CHANNELS)) for count in channels)
        self._strides = [min(stride, STRIDES[0]) for stride in strides]

    def forward(self, features: Sequence[Tensor], image_shape: tuple[int, int]) -> list[Tensor]:
        """Features (B, C_i, H_i, W_i) of an image of this shape -> (B, 512, H, W) by stride."""
        height, width = image_shape
        levels: dict[int, Tensor] = {}
        for feature, project, stride in zip(features, self, self._strides, strict=True):
            projected = project(interpolate(feature, (height // stride, width // stride)))
            levels[stride] = levels[stride] + projected if stride in levels else projected
        return [levels[stride] for stride in STRIDES]
