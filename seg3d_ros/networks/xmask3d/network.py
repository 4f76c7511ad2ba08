"""XMask3D: points and an image of one view, whose masks both describe.

Wang et al., "XMask3D: Cross-modal Mask Reasoning for Open Vocabulary 3D Semantic Segmentation",
NeurIPS 2024. Modules are named as in the released checkpoints, so that their weights fit as they
are; the frozen networks stand beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from seg3d_ros.compute import full_precision
from seg3d_ros.networks.xmask3d.captioner import Captioner
from seg3d_ros.networks.xmask3d.classes import OpenClasses
from seg3d_ros.networks.xmask3d.clip_masks import embed_masks
from seg3d_ros.networks.xmask3d.diffusion import STRIDES, DiffusionFeatures
from seg3d_ros.networks.xmask3d.image_pyramid import ImagePyramid
from seg3d_ros.networks.xmask3d.pixel_decoder import PixelDecoder
from seg3d_ros.networks.xmask3d.point_branch import (
    CLIP_WIDTH,
    BaseClassHead,
    PointBranch,
    PointDecoder,
    PointFeatures,
    minkunet18a,
    minkunet34c,
)
from seg3d_ros.networks.xmask3d.point_labels import FusedPoints, fuse, label_points
from seg3d_ros.networks.xmask3d.query_decoder import QueryDecoder, QueryMasks
from seg3d_ros.networks.xmask3d.view_input import ViewInput
from seg3d_ros.networks.xmask3d.view_masks import ViewMasks, ViewPixels, lift_masks

RELEASED_CHANNELS = (512, 512, 2560, 1920, 960, 640, 512, 512)  # of Stable Diffusion 1


@dataclass(frozen=True, eq=False)
class FrozenNetworks:
    """Networks that nothing is trained of.

    Attributes:
        diffusion: features of images.
        clip: `CLIPVisionModelWithProjection` of transformers.
    """

    diffusion: DiffusionFeatures
    clip: Any

    def to(self, device: torch.device) -> FrozenNetworks:
        """Move the networks to another device."""
        self.diffusion.to(device)
        self.clip.to(device)
        return self


@dataclass(frozen=True, eq=False)
class LabelledView:
    """P points that a view sees, labelled.

    Attributes:
        points: features of the point branch.
        masks: of the view, on the points.
        fused: features with those of the masks.
        labels: (P,) int64 class of each point.
    """

    points: PointFeatures
    masks: ViewMasks
    fused: FusedPoints
    labels: Tensor


class XMask3D(PointBranch):
    """The trained part.

    Args:
        points: its point branch, which becomes part of it.
        captioner: caption of the image from the points.
        pyramid: levels from the diffusion features.
        pixels: features of pixels from the levels.
        queries: masks from those.
    """

    def __init__(
        self,
        points: PointBranch,
        captioner: Captioner,
        pyramid: ImagePyramid,
        pixels: PixelDecoder,
        queries: QueryDecoder,
        *,
        clip_width: int = CLIP_WIDTH,
    ) -> None:
        super().__init__(points.pc_decoder, points.pc_binary_head)
        self.backbone = nn.ModuleDict(
            {"feature_extractor": captioner, "feature_projections": pyramid}
        )
        self.sem_seg_head = nn.ModuleDict({"pixel_decoder": pixels, "predictor": queries})
        fuser = nn.ModuleDict({"linear": nn.Linear(2 * clip_width, clip_width)})
        self.criterion = nn.ModuleDict({"fuser": fuser})
        null = nn.Parameter(torch.randn(1, clip_width))
        self.category_head = nn.ParameterDict({"null_embed": null})

    @property
    def scale(self) -> Tensor:
        """Factor of all cosines."""
        predictor: Any = self.sem_seg_head["predictor"]
        return predictor.post_mask_embed.scale

    @property
    def null(self) -> Tensor:
        """(D,) embedding of "no object"."""
        return self.category_head["null_embed"][0]

    @property
    def fuser(self) -> nn.Linear:
        """Joins the features of a mask and of a point."""
        fuser: Any = self.criterion["fuser"]
        return fuser["linear"]

    def masks(
        self, image: Tensor, condition: Tensor, diffusion: DiffusionFeatures
    ) -> list[QueryMasks]:
        """Masks in an image after each layer of the decoder, the last ones count.

        Args:
            image: (1, 3, H, W) RGB in [0, 1].
            condition: (D,) of the points.
            diffusion: network that its features come from.
        """
        features = diffusion(image, self.backbone["feature_extractor"](condition))
        shape = (image.shape[2], image.shape[3])
        levels = self.backbone["feature_projections"](features, shape)
        pixels = self.sem_seg_head["pixel_decoder"](levels)
        found: list[QueryMasks] = self.sem_seg_head["predictor"](pixels)
        return found

    def label_view(
        self, view: ViewInput, frozen: FrozenNetworks, classes: OpenClasses
    ) -> LabelledView:
        """Label the points of a view; what is compared with thresholds is in full precision."""
        points = self.points(view.voxels)
        found = self.masks(view.image[None], points.condition, frozen.diffusion)[-1]
        logits, embeddings = found.logits[0].float(), found.embeddings[0].float()
        pixels = ViewPixels(view.rows, view.columns, points.base_probability)
        with full_precision(logits.device):
            of_classes = classes.mask_logits(embeddings, self.scale)
            masks = lift_masks(logits, of_classes, pixels, classes)
        of_clip = embed_masks(frozen.clip, view.image, logits[masks.queries]).float()
        with full_precision(logits.device):
            fused = fuse(points.features, masks, embeddings, self.fuser)
            labels = label_points(fused, points.is_base, of_clip, classes, self.scale)
        return LabelledView(points, masks, fused, labels)


def released_branch() -> PointBranch:
    """The point branch at its released size, with random weights."""
    return PointBranch(PointDecoder(minkunet34c()), BaseClassHead(minkunet18a()))


def released_network(
    channels: Sequence[int] = RELEASED_CHANNELS,
    *,
    context_width: int = 768,
    time_width: int = 1280,
) -> XMask3D:
    """The network at its released size, with random weights.

    Args:
        channels: of the diffusion features.
        context_width: channels of a token of the diffusion network.
        time_width: channels of its embedded time step.
    """
    return XMask3D(
        released_branch(),
        Captioner(context_width=context_width, time_width=time_width),
        ImagePyramid(channels, STRIDES),
        PixelDecoder(),
        QueryDecoder(),
    )
