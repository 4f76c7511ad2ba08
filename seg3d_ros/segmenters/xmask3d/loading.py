"""The xmask3d segmenter from files: weights, classes, frozen networks."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

import torch

from seg3d_ros.compute import Compute
from seg3d_ros.networks.xmask3d.checkpoints import load_branch, load_network
from seg3d_ros.networks.xmask3d.classes import OpenClasses
from seg3d_ros.networks.xmask3d.clip_weights import load_clip_vision
from seg3d_ros.networks.xmask3d.diffusion_weights import load_diffusion
from seg3d_ros.networks.xmask3d.network import FrozenNetworks
from seg3d_ros.networks.xmask3d.point_branch import CLIP_WIDTH, PointBranch
from seg3d_ros.segmenters.settings import XMask3DSettings
from seg3d_ros.segmenters.weights import find_diffusion, find_xmask3d
from seg3d_ros.segmenters.xmask3d.proposals import mask_proposals
from seg3d_ros.segmenters.xmask3d.segmenter import NamedClasses, XMask3DSegmenter
from seg3d_ros.text.class_splits import class_splits
from seg3d_ros.text.clip import CLIP_REPOSITORY, CLIP_SPACE
from seg3d_ros.text.encoder import load_text_encoder
from seg3d_ros.text.hub import find_folder
from seg3d_ros.text.labels import fold, parse_labels
from seg3d_ros.text.settings import TextSettings

_USUAL = (0.65, 0.35)  # weights of fused features for base and novel classes
_OTHERS = {"b10n9": (0.65, 0.2), "b170n30": (0.65, 0.25)}  # as released


def load_xmask3d_segmenter(settings: XMask3DSettings, text: TextSettings) -> XMask3DSegmenter:
    """The segmenter with the weights that the settings name.

    Args:
        settings: of the model.
        text: labels, and where their text encoder is.

    Raises:
        FileNotFoundError: weights are not on this machine; the message says how to get them.
        InputError: a file holds other weights, or the device is not there.
        ImportError: packages of the full form are missing.
    """
    path = find_xmask3d(settings.partition, settings.checkpoint)
    compute = Compute.named(settings.device, settings.precision)
    classes = _named_classes(settings, text)
    network: PointBranch
    if settings.form == "3d":
        network, frozen = load_branch(path), None
    else:
        diffusion = find_diffusion(settings.diffusion)
        clip = find_folder("CLIP", CLIP_REPOSITORY, settings.clip)
        frozen = FrozenNetworks(load_diffusion(diffusion), load_clip_vision(clip))
        network = load_network(path)
        null = network.null.detach()
        classes = replace(classes, open=replace(classes.open, null=null))
    proposals = mask_proposals(settings.proposals)
    return XMask3DSegmenter(
        network, frozen, classes, proposals, compute=compute, settings=settings
    )


def _named_classes(settings: XMask3DSettings, text: TextSettings) -> NamedClasses:
    """Classes of the vocabulary, or those of the partition; base ones are marked."""
    partition = class_splits()[settings.partition]
    labels = text.vocabulary or partition.base + partition.novel
    words = [label.words for label in parse_labels(labels)]
    base = {fold(label) for label in settings.base_labels or partition.base}
    encoder = load_text_encoder(CLIP_SPACE, folder=text.folder, device=text.device)
    classes = OpenClasses(
        torch.from_numpy(encoder.encode(list(chain.from_iterable(words)))),
        torch.zeros(CLIP_WIDTH),
        torch.tensor([any(fold(word) in base for word in own) for own in words]),
        *_OTHERS.get(settings.partition, _USUAL),
        synonyms=tuple(map(len, words)),
    )
    return NamedClasses(tuple(own[0] for own in words), classes)
