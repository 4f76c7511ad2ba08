"""Point branch of XMask3D: features in the space of CLIP, and whether a class was trained on."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from seg3d_ros.networks.minkunet34c import MinkUNet34C
from seg3d_ros.networks.xmask3d.voxels import PointVoxels
from seg3d_ros.sparse.tensor import SparseTensor

CLIP_WIDTH = 768  # numbers of an embedding of CLIP
_HEAD = 256  # channels that both U-Nets end with
_PLANES_18A = (32, 64, 128, 256, 128, 128, 96, 96)


@dataclass(frozen=True, eq=False)
class VoxelFeatures:
    """Features of the V voxels of a view.

    Attributes:
        features: (V, D) in the space of CLIP.
        condition: (D,) the view as a whole, for the diffusion network.
    """

    features: Tensor
    condition: Tensor


@dataclass(frozen=True, eq=False)
class PointFeatures:
    """Features of the P points of a view.

    Attributes:
        features: (P, D) in the space of CLIP.
        base_logits: (P,) logit that a point is of a class that was trained on.
        condition: (D,) the view as a whole.
    """

    features: Tensor
    base_logits: Tensor
    condition: Tensor

    @property
    def base_probability(self) -> Tensor:
        """(P,) that a point is of a class that was trained on."""
        return self.base_logits.sigmoid()

    @property
    def is_base(self) -> Tensor:
        """(P,) bool."""
        return self.base_probability > 0.5


class PointDecoder(nn.Module):
    """Features of voxels by a MinkUNet34C; its coarsest voxels make the condition.

    Args:
        encoder: U-Net with a head of 256 channels.
        clip_width: D.
    """

    def __init__(self, encoder: MinkUNet34C, clip_width: int = CLIP_WIDTH) -> None:
        super().__init__()
        self.encoder = encoder
        self.point2text_adapter = nn.Linear(encoder.coarse_channels, clip_width)
        self.decoder = nn.Linear(_HEAD, clip_width)

    def forward(self, x: SparseTensor) -> VoxelFeatures:
        """Colours (V, 3) in [-1, 1] of one view -> features."""
        coarse, fine = self.encoder.coarse_and_fine(x)
        features = self.decoder(self.encoder.final(fine).features)
        return VoxelFeatures(features, self.point2text_adapter(coarse.features).amax(0))


class BaseClassHead(nn.Module):
    """Logit of each voxel that its class is one that was trained on, by a MinkUNet18A.

    Args:
        encoder: U-Net with a head of 256 channels.
    """

    def __init__(self, encoder: MinkUNet34C) -> None:
        super().__init__()
        self.encoder = encoder
        self.batch_norm = nn.BatchNorm1d(_HEAD)
        self.fc = nn.Linear(_HEAD, 1)

    def forward(self, x: SparseTensor) -> Tensor:
        """Colours (V, 3) in [-1, 1] -> (V,)."""
        features = self.encoder.final(self.encoder.coarse_and_fine(x)[1]).features
        logits: Tensor = self.fc(self.batch_norm(features).relu())
        return logits[:, 0]


class PointBranch(nn.Module):
    """Both networks of the points.

    Args:
        decoder: of their features.
        head: of their base classes.
    """

    def __init__(self, decoder: PointDecoder, head: BaseClassHead) -> None:
        super().__init__()
        self.pc_decoder = decoder
        self.pc_binary_head = head

    def points(self, given: PointVoxels) -> PointFeatures:
        """Features of the P points of a view, in full precision."""
        found = self.pc_decoder(given.voxels)
        base = self.pc_binary_head(given.voxels).float()
        rows = given.voxel_of
        features = found.features.float()[rows]
        return PointFeatures(features, base[rows], found.condition)


def minkunet34c() -> MinkUNet34C:
    """The U-Net of `PointDecoder` at its released size."""
    return MinkUNet34C(3, _HEAD, final_bias=False)


def minkunet18a() -> MinkUNet34C:
    """The U-Net of `BaseClassHead` at its released size."""
    return MinkUNet34C(3, _HEAD, planes=_PLANES_18A, layers=(2,) * 8, final_bias=False)
