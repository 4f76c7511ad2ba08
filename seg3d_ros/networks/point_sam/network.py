"""Point-SAM: the object at clicked points of a coloured cloud.

Zhou et al., "Point-SAM: Promptable 3D Segmentation Model for Point Clouds", 2024. Patches of a
cloud go through a transformer once; a small decoder then answers each set of clicks with masks
over all points. Modules are named so that the released tensors fit as they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from seg3d_ros.errors import InputError
from seg3d_ros.networks.checkpoint import load_strictly, read_safetensors, read_state_dict
from seg3d_ros.networks.meta import without_weights
from seg3d_ros.networks.point_operations import (
    Interpolation,
    check_cloud_size,
    interpolation_between,
)
from seg3d_ros.networks.point_sam.config import LARGE, SIZES, PointSamConfig
from seg3d_ros.networks.point_sam.decoder import MaskDecoder
from seg3d_ros.networks.point_sam.patches import (
    KnnMaskEncoder,
    KnnTokenizer,
    Patches,
    VoronoiMaskEncoder,
    VoronoiTokenizer,
    knn_patches,
    voronoi_patches,
)
from seg3d_ros.networks.point_sam.transformer import TokenTransformer

READINGS = slice(1, 4)  # candidates for a single click, which may mean a part or a whole
SINGLE = slice(0, 1)  # candidate for several clicks, or with a mask
TRAINING_PREFIX = "network."  # of its tensors in the checkpoints of a training
_POSITION_WIDTH = 128
_SLACK = 1e-6  # by which positions may lie outside of [-1, 1]


@dataclass(frozen=True, eq=False)
class EncodedClouds:
    """Encoder output for B clouds of N points: all that clicks need.

    Attributes:
        patches: how the points are divided into G patches.
        tokens: (B, G, C) features of the patches.
        code: (B, G, C) Fourier code of their centers.
        to_points: from patches to points.
    """

    patches: Patches
    tokens: Tensor
    code: Tensor
    to_points: Interpolation


@dataclass(frozen=True, eq=False)
class Clicks:
    """S sets of P clicks each; those of one cloud stand together.

    Attributes:
        points: (S, P, 3) positions, normalised as the cloud; they need not be points of it.
        labels: (S, P) int64, 1 on the object, 0 off it; others are positions without a meaning.
        mask_logits: (S, N) mask to start from, None where there is none.
    """

    points: Tensor
    labels: Tensor
    mask_logits: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Candidates:
    """K masks for each of S sets of clicks.

    Attributes:
        logits: (S, K, N); above zero is inside.
        predicted_iou: (S, K) how good the network thinks they are; not bounded.
    """

    logits: Tensor
    predicted_iou: Tensor


class FourierCode(nn.Module):
    """Random Fourier features of positions (Tancik et al. 2020); the matrix is a weight."""

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(3, width // 2))

    def forward(self, points: Tensor) -> Tensor:
        """(..., 3) in [-1, 1] -> (..., C); always in float32, as phases need it."""
        with torch.autocast(points.device.type, enabled=False):
            matrix = self.positional_encoding_gaussian_matrix.float()
            phase = 2 * math.pi * (points.float() @ matrix)
            return torch.cat([phase.sin(), phase.cos()], dim=-1)


class PointEncoder(nn.Module):
    """Clicks to tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.pe_layer = FourierCode(width)
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, width) for _ in range(2))

    def forward(self, points: Tensor, labels: Tensor) -> Tensor:
        """(S, P, 3) and (S, P) -> (S, P, C)."""
        tokens = self.pe_layer(points)
        off, on = self.point_embeddings.parameters()
        for label, meaning in ((0, off), (1, on)):
            tokens = tokens + (labels == label)[..., None] * meaning
        return tokens


class CloudEncoder(nn.Module):
    """Patches to tokens that know of each other."""

    def __init__(self, config: PointSamConfig) -> None:
        super().__init__()
        knn = config.tokenizer == "knn"
        width = config.transformer.width
        self.patch_embed = KnnTokenizer(config) if knn else VoronoiTokenizer(config)
        self.patch_proj = nn.Linear(config.patch_channels, width)
        self.pos_embed = nn.Sequential(
            nn.Linear(3, _POSITION_WIDTH), nn.GELU(), nn.Linear(_POSITION_WIDTH, width)
        )
        self.transformer = TokenTransformer(config.transformer)
        self.out_proj = nn.Linear(width, config.width)

    def forward(self, patches: Patches, colors: Tensor) -> Tensor:
        """Patches and (B, N, 3) colours -> (B, G, C)."""
        tokens = self.patch_proj(self.patch_embed(patches, colors))
        return self.out_proj(self.transformer(tokens + self.pos_embed(patches.centers)))


class PointSam(nn.Module):
    """Point-SAM: `encode` a cloud once, then `predict` for any number of clicks."""

    def __init__(self, config: PointSamConfig = LARGE) -> None:
        super().__init__()
        self.config = config
        knn = config.tokenizer == "knn"
        self.pc_encoder = CloudEncoder(config)
        self.point_encoder = PointEncoder(config.width)
        self.mask_encoder = KnnMaskEncoder(config) if knn else VoronoiMaskEncoder(config)
        self.mask_decoder = MaskDecoder(config)

    def encode(self, points: Tensor, colors: Tensor) -> EncodedClouds:
        """Run what does not depend on clicks.

        Args:
            points: (B, N, 3) float32 in [-1, 1]: mean at zero, the farthest at 1.
            colors: (B, N, 3) float32 RGB in [-1, 1].

        Raises:
            ValueError: too many or no points, or positions that are not in the range.
        """
        check_cloud_size(points.shape[1])
        _check_range(points, "a point of the cloud")
        patches = self.divide(points)
        tokens = self.pc_encoder(patches, colors)
        code = self.point_encoder.pe_layer(patches.centers)
        return EncodedClouds(patches, tokens, code, interpolation_between(patches.centers, points))

    def divide(self, points: Tensor) -> Patches:
        """Patches of (B, N, 3) points, as many as clouds of this size get."""
        patches, size = self.config.patch_counts(points.shape[1])
        if self.config.tokenizer == "knn":
            return knn_patches(points, patches, size)
        return voronoi_patches(points, patches)

    def predict(
        self, clouds: EncodedClouds, clicks: Clicks, *, candidates: slice = SINGLE
    ) -> Candidates:
        """Masks for sets of clicks, as many for each cloud.

        Args:
            clouds: B of them.
            clicks: S = B * M sets.
            candidates: `READINGS` for a single click without a mask, else `SINGLE`.

        Raises:
            ValueError: a click is outside of the range of the clouds.
        """
        _check_range(clicks.points, "a click")
        sets = len(clicks.points) // len(clouds.tokens)
        tokens = clouds.tokens.repeat_interleave(sets, 0)
        if clicks.mask_logits is None:
            tokens = tokens + self.mask_encoder.no_mask_embed.weight
        else:
            tokens = tokens + self.mask_encoder(clouds.patches.repeated(sets), clicks.mask_logits)
        logits, predicted_iou = self.mask_decoder(
            tokens,
            clouds.code.repeat_interleave(sets, 0),
            self.point_encoder(clicks.points, clicks.labels),
            clouds.to_points,
            candidates=candidates,
        )
        return Candidates(logits, predicted_iou)


def point_sam_of_size(size: str) -> PointSam:
    """A network to be trained from nothing, of the size "large", "giant" or "mini".

    Raises:
        ValueError: there is no such size.
    """
    if size not in SIZES:
        raise InputError(f"no Point-SAM is {size!r}; use one of {', '.join(SIZES)}")
    network = PointSam(SIZES[size])
    _tell_positions_apart(network)
    return network


@torch.no_grad()
def _tell_positions_apart(network: PointSam) -> None:
    """Start with larger weights for positions, and with attention that finds the patch of a click.

    Neighbouring patches differ by hundredths, their points by less; with common weights all look
    alike, and learning to tell them apart takes long.
    """
    weights = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    weights["point_encoder.pe_layer.positional_encoding_gaussian_matrix"] *= 2
    weights["pc_encoder.pos_embed.0.weight"] *= 6
    weights["pc_encoder.pos_embed.2.weight"] *= 2
    weights["pc_encoder.patch_embed.patch_encoder.conv1.0.weight"][:, :3] *= 5
    network.mask_decoder.transformer.initialize_lookup()


def _check_range(points: Tensor, what: str) -> None:
    """NaN fails too."""
    if not bool((points.abs() <= 1 + _SLACK).all()):
        raise ValueError(
            f"{what} is outside of [-1, 1]; move and scale the cloud and its clicks together, "
            "so that its mean is 0 and its farthest point at distance 1"
        )


def load_point_sam(path: str | Path, *, config: PointSamConfig | None = None) -> PointSam:
    """Network with weights from a file, ready for inference on the CPU.

    Args:
        path: a safetensors file like the released one, or the checkpoint of a training.
        config: sizes of the network in it; None: those of `SIZES` that the file fits.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: the file holds something else; names what is missing, extra or of
            another shape.
    """
    released = Path(path).suffix == ".safetensors"
    state = read_safetensors(path) if released else read_state_dict(path, prefix=TRAINING_PREFIX)
    with without_weights():
        network = PointSam(config or _size_of(state))
    load_strictly(network, state, source=str(path))
    return network.eval()


def _size_of(state: Mapping[str, Tensor]) -> PointSamConfig:
    """Sizes of the network that the tensors belong to; the released ones where none fits."""
    projection = state.get("pc_encoder.patch_proj.weight")
    shape = None if projection is None else tuple(projection.shape)
    for config in SIZES.values():
        if shape == (config.transformer.width, config.patch_channels):
            return config
    return LARGE
