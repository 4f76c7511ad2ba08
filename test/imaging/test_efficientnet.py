"""EfficientNet-Lite2: equal to the package that released its weights, and its encoder."""

import importlib.util

import numpy as np
import pytest
import torch

from seg3d_ros.errors import InputError
from seg3d_ros.imaging.efficientnet import EfficientNetLite2, load_released
from seg3d_ros.imaging.encoder import load_image_encoders
from seg3d_ros.imaging.imagenet_encoder import WEIGHTS_PACKAGE
from seg3d_ros.text.known_words import IMAGENET_SPACE, class_words

needs_weights = pytest.mark.skipif(
    not importlib.util.find_spec(WEIGHTS_PACKAGE), reason=f"{WEIGHTS_PACKAGE} is not installed"
)


def test_logits_equal_those_of_the_reference() -> None:
    reference = pytest.importorskip("efficientnet_lite_pytorch")
    torch.manual_seed(0)
    other = reference.EfficientNet.from_name("efficientnet-lite2").eval()
    for module in other.modules():  # statistics of a network that has seen something
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    images = torch.randn(2, 3, 260, 260)
    with torch.inference_mode():
        expected, found = other(images), load_released(other.state_dict())(images)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_weights_of_another_network_are_refused() -> None:
    with pytest.raises(InputError, match="not the weights of EfficientNet-Lite2"):
        load_released({"_fc.weight": torch.zeros(10, 1280)})
    assert sum(p.numel() for p in EfficientNetLite2().parameters()) == 6_063_024


@needs_weights
def test_a_drawn_ball_is_a_ball() -> None:
    encoder = load_image_encoders("auto", device="cpu")[0]
    y, x = np.mgrid[:260, :260]
    ball = np.hypot(x - 130, y - 140) < 90
    shade = 1 - 0.004 * np.hypot(x - 100, y - 100)
    crop = np.where(ball[..., None], shade[..., None] * [230, 120, 20], 235).astype(np.uint8)
    (vector,) = encoder.encode([crop], [(0, 0, 260, 260)])
    assert (encoder.space, vector.shape) == (IMAGENET_SPACE, (1000,))
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    best = [class_words(IMAGENET_SPACE).get(i, ("?",)) for i in np.argsort(-vector)[:5]]
    assert any("ball" in word or "orange" in word for words in best for word in words)


def test_an_unknown_encoder_is_refused_and_none_is_none() -> None:
    assert load_image_encoders("none") == ()
    with pytest.raises(
        InputError, match="known: auto, none, efficientnet_lite2, efficientdet_lite0, siglip2"
    ):
        load_image_encoders("resnet")
