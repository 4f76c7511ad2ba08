"""XMask3D as it is trained: predictions for the visible points of views, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from seg3d_ros.compute import full_precision
from seg3d_ros.networks.xmask3d.classes import OpenClasses
from seg3d_ros.networks.xmask3d.clip_masks import embed_masks
from seg3d_ros.networks.xmask3d.clip_weights import load_clip_vision
from seg3d_ros.networks.xmask3d.diffusion_weights import load_diffusion
from seg3d_ros.networks.xmask3d.network import FrozenNetworks, XMask3D, released_network
from seg3d_ros.networks.xmask3d.point_branch import PointFeatures
from seg3d_ros.networks.xmask3d.point_labels import FusedPoints, fuse
from seg3d_ros.networks.xmask3d.projection import IMAGE_SHAPE
from seg3d_ros.networks.xmask3d.view_input import ViewInput
from seg3d_ros.networks.xmask3d.view_masks import ViewPixels, lift_masks
from seg3d_ros.segmenters.weights import find_diffusion
from seg3d_ros.text.clip import CLIP_REPOSITORY, CLIP_SPACE
from seg3d_ros.text.encoder import load_text_encoder
from seg3d_ros.text.hub import find_folder
from seg3d_ros.training.view_dataset import ViewBatch


@dataclass(frozen=True, eq=False)
class ViewPrediction:
    """Predictions of L layers with Q queries for the P visible points of one view.

    Attributes:
        mask_logits: (L, Q, P) at the pixels of the points.
        embeddings: (L, Q, D) of the masks.
        mask_clip: (Q, D) opinion of CLIP of the last masks, without gradient.
        points: features of the point branch.
        fused: features with those of the last masks.
        classes: those that are trained on.
        scale: factor of all cosines.
    """

    mask_logits: Tensor
    embeddings: Tensor
    mask_clip: Tensor
    points: PointFeatures
    fused: FusedPoints
    classes: OpenClasses
    scale: Tensor

    def class_logits(self, embeddings: Tensor) -> Tensor:
        """(M, K + 1) of (M, D) embeddings; the last class is "no object"."""
        return self.classes.mask_logits(embeddings, self.scale)


class XMask3DTraining(XMask3D):
    """XMask3D and the networks it learns from, which are no part of it: its weights alone change.

    Args:
        network: whose parts are trained, under their own names.
        frozen: networks that stay as they are.
        text: (K, D) embeddings of the names of the classes that are trained on.
    """

    text: Tensor

    def __init__(self, network: XMask3D, frozen: FrozenNetworks, text: Tensor) -> None:
        nn.Module.__init__(self)
        for name, part in network.named_children():
            self.add_module(name, part)
        self.register_buffer("text", text, persistent=False)
        self._frozen = frozen  # no module: in no optimizer and in no checkpoint

    def forward(self, batch: ViewBatch) -> list[ViewPrediction]:
        """Predictions for each view."""
        self._frozen.to(self.text.device)
        return [self._predict(labelled.view) for labelled in batch.views]

    def _predict(self, view: ViewInput) -> ViewPrediction:
        points = self.points(view.voxels)
        layers = self.masks(view.image[None], points.condition, self._frozen.diffusion)
        last = layers[-1].logits[0].detach().float()
        of_clip = embed_masks(self._frozen.clip, view.image, last).float()
        with full_precision(last.device):
            embeddings = torch.stack([layer.embeddings[0].float() for layer in layers])
            everything = torch.ones(len(self.text), dtype=torch.bool, device=last.device)
            classes = OpenClasses(self.text, self.null, everything)
            of_classes = classes.mask_logits(embeddings[-1], self.scale).detach()
            all_base = torch.ones_like(points.base_logits)
            pixels = ViewPixels(view.rows, view.columns, all_base)
            masks = lift_masks(last, of_classes, pixels, classes)
            return ViewPrediction(
                torch.stack([_at_points(layer.logits, view) for layer in layers]),
                embeddings,
                of_clip,
                points,
                fuse(points.features, masks, embeddings[-1], self.fuser),
                classes,
                self.scale,
            )


def _at_points(logits: Tensor, view: ViewInput) -> Tensor:
    """(Q, P) of masks (1, Q, h, w), at the pixels of the visible points."""
    large = interpolate(logits.float(), IMAGE_SHAPE, mode="bilinear", align_corners=False)
    return large[0][:, view.rows, view.columns]


def training_network(
    base: Sequence[str], diffusion: str | None = None, clip: str | None = None
) -> XMask3DTraining:
    """The network at its released size, with random weights.

    Args:
        base: names of the classes that are trained on.
        diffusion: Stable Diffusion 1.3, see `load_diffusion`; None: where the download puts it.
        clip: folder of CLIP ViT-L/14 as the hub has it; None: the hub's cache.

    Raises:
        FileNotFoundError: frozen networks are not on this machine.
        ImportError: packages for them are missing.
    """
    folder = find_folder("CLIP", CLIP_REPOSITORY, clip)
    frozen = FrozenNetworks(load_diffusion(find_diffusion(diffusion)), load_clip_vision(folder))
    names = load_text_encoder(CLIP_SPACE, folder=folder, device="cpu").encode(list(base))
    network = released_network(
        frozen.diffusion.channels,
        context_width=frozen.diffusion.context_width,
        time_width=frozen.diffusion.time_width,
    )
    return XMask3DTraining(network, frozen, torch.from_numpy(names))
