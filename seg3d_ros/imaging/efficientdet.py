"""EfficientDet-Lite0: a small detector of the things of COCO.

Tan, Pang and Le, "EfficientDet", CVPR 2020; the Lite variants are those of TensorFlow:
EfficientNet-Lite for the backbone, ReLU6 for swish, and features that are added up without
weights. Batch norms are part of the convolutions before them, so each level has its own.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from seg3d_ros.imaging.efficientnet import STEM, SameConv2d, lite_blocks

CLASSES = 90  # numbers of COCO, from 0; some are no class
CROP_PX = 320
_CHANNELS = 64
_CELLS = 3  # of the feature pyramid
_STEPS = 3  # of the heads
_STRIDES = (8, 16, 32, 64, 128)
_LEVEL_ENDS = (4, 10, 15)  # blocks whose outputs have the first three strides
_LEVEL_CHANNELS = (40, 112, 320)
_ANCHOR_SCALE = 3.0  # edge of the smallest anchor in strides
_ANCHOR_STEPS = tuple(2 ** (step / 3) for step in range(3))
_ANCHOR_SIDES = ((1.0, 1.0), (1.4, 0.7), (0.7, 1.4))  # width and height


class Separable(nn.Module):
    """Depthwise and pointwise convolution."""

    def __init__(self, outputs: int = _CHANNELS) -> None:
        super().__init__()
        self.depthwise = SameConv2d(_CHANNELS, _CHANNELS, 3, groups=_CHANNELS)
        self.pointwise = SameConv2d(_CHANNELS, outputs, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 64, H, W) to (B, outputs, H, W)."""
        found: Tensor = self.pointwise(self.depthwise(images))
        return found


class PyramidCell(nn.Module):
    """Bidirectional exchange of features between levels: down to the finest one, and up again."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(Separable() for _ in _STRIDES[1:])  # coarse to fine
        self.up = nn.ModuleList(Separable() for _ in _STRIDES[1:])  # fine to coarse

    def forward(self, levels: Sequence[Tensor], again: Sequence[Tensor]) -> list[Tensor]:
        """Features of the five levels, fine to coarse.

        Args:
            levels: (B, 64, H, W) each, for the way down.
            again: the same levels for the way up.
        """
        way = [levels[-1]]
        for fine, node in zip(reversed(levels[:-1]), self.down, strict=True):
            coarse = functional.interpolate(way[0], fine.shape[2:])
            way.insert(0, node(functional.relu6(fine + coarse)))
        found = [way[0]]
        for level, node in enumerate(self.up, 1):
            total = again[level] + _halved(found[-1])
            if level < len(self.up):  # the coarsest level has no way down
                total = total + way[level]
            found.append(node(functional.relu6(total)))
        return found


class Head(nn.Module):
    """Predictions at each place of each level.

    Args:
        outputs: numbers a place.
    """

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            nn.ModuleList(Separable() for _ in range(_STEPS)) for _ in _STRIDES
        )
        self.predict = Separable(outputs)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """(B, H, W, outputs) of each level."""
        found = []
        for images, steps in zip(features, self.levels, strict=True):
            for step in cast(nn.ModuleList, steps):
                images = functional.relu6(step(images))
            found.append(self.predict(images).permute(0, 2, 3, 1))
        return found


class EfficientDetLite0(nn.Module):
    """Images (B, 3, 320, 320) in, boxes and scores of A anchors out.

    Colours are (value - 127) / 128 of 0 to 255.
    """

    anchors: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv2d(3, STEM, 3, 2)
        self.blocks = lite_blocks()
        self.lateral = nn.ModuleList(SameConv2d(n, _CHANNELS, 1) for n in _LEVEL_CHANNELS)
        self.lateral_again = nn.ModuleList(
            SameConv2d(n, _CHANNELS, 1) for n in _LEVEL_CHANNELS[1:]
        )
        self.coarser = SameConv2d(_LEVEL_CHANNELS[-1], _CHANNELS, 1)
        self.cells = nn.ModuleList(PyramidCell() for _ in range(_CELLS))
        sides = len(_ANCHOR_STEPS) * len(_ANCHOR_SIDES)
        self.classes = Head(sides * CLASSES)
        self.boxes = Head(sides * 4)
        self.register_buffer("anchors", _anchors(), persistent=False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes (B, A, 4) as left, top, right, bottom in [0, 1], and scores (B, A, 90)."""
        features = self._pyramid(self._backbone(images))
        batch = len(images)
        scores = torch.cat(
            [found.reshape(batch, -1, CLASSES) for found in self.classes(features)], 1
        )
        shifts = torch.cat([found.reshape(batch, -1, 4) for found in self.boxes(features)], 1)
        centers = shifts[..., :2].flip(2) * self.anchors[:, 2:] + self.anchors[:, :2]
        halves = shifts[..., 2:].flip(2).exp() * self.anchors[:, 2:] / 2
        return torch.cat([centers - halves, centers + halves], 2), scores.sigmoid()

    def _backbone(self, images: Tensor) -> list[Tensor]:
        """Features of the three finest levels."""
        found = []
        images = functional.relu6(self.stem(images))
        for number, block in enumerate(self.blocks):
            images = block(images)
            if number in _LEVEL_ENDS:
                found.append(images)
        return found

    def _pyramid(self, features: list[Tensor]) -> list[Tensor]:
        coarse = [_halved(self.coarser(features[-1]))]
        coarse.append(_halved(coarse[0]))
        levels = [layer(images) for layer, images in zip(self.lateral, features, strict=True)]
        again = [
            layer(images) for layer, images in zip(self.lateral_again, features[1:], strict=True)
        ]
        levels, again = levels + coarse, levels[:1] + again + coarse
        for cell in self.cells:
            levels = again = cell(levels, again)
        return levels


def load_packaged(path: Path) -> EfficientDetLite0:
    """The network with the weights of this package: kernels of 8 bits and their scales."""
    stored = torch.load(path, map_location="cpu", weights_only=True)
    weights = {name: value for name, value in stored.items() if not name.endswith(".scale")}
    for name, value in weights.items():
        if name.endswith(".weight"):
            scale = stored[name.removesuffix("weight") + "scale"]
            kernels = value.float() * scale[:, None, None, None]
            weights[name] = kernels.contiguous(memory_format=torch.channels_last)
    network = EfficientDetLite0()
    network.load_state_dict(weights, assign=True)
    return network.eval().requires_grad_(False)


def _halved(images: Tensor) -> Tensor:
    """Largest values of 3 x 3 places, every other one, padded like TensorFlow's SAME."""
    padding: list[int] = []
    for size in (images.shape[3], images.shape[2]):
        total = (math.ceil(size / 2) - 1) * 2 + 3 - size
        padding += [total // 2, total - total // 2]
    return functional.max_pool2d(functional.pad(images, padding, value=-math.inf), 3, 2)


def _anchors() -> Tensor:
    """(A, 4) centre x and y, width and height of the anchors, in parts of the image."""
    found = []
    for stride in _STRIDES:
        edge = stride * _ANCHOR_SCALE
        places = [(place + 0.5) * stride for place in range(math.ceil(CROP_PX / stride))]
        for y, x in itertools.product(places, places):
            for step, (width, height) in itertools.product(_ANCHOR_STEPS, _ANCHOR_SIDES):
                found.append((x, y, edge * step * width, edge * step * height))
    return torch.tensor(found) / CROP_PX
