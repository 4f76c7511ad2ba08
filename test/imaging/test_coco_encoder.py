"""EfficientDet-Lite0: the packaged weights against TensorFlow Lite, and its encoder."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from seg3d_ros.imaging.coco_encoder import WEIGHTS
from seg3d_ros.imaging.crops import wide_crop
from seg3d_ros.imaging.efficientdet import load_packaged
from seg3d_ros.imaging.encoder import load_image_encoders
from seg3d_ros.text.known_words import COCO_SPACE, class_words

PICTURE = Path(__file__).parents[2] / "data" / "demo_room" / "rgb" / "1700000008.000000.jpg"
# Anchor, class, score and box of what TensorFlow Lite finds in the middle of the picture.
FOUND = [
    (18519, 62, 0.77, (0.45, 0.344, 0.995, 0.829)),
    (6339, 87, 0.68, (0.572, 0.399, 0.66, 0.497)),
    (18459, 61, 0.637, (0.008, 0.377, 0.338, 0.689)),
]


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.asarray(Image.open(PICTURE).convert("RGB"))


def test_the_network_finds_what_tensorflow_lite_finds(picture) -> None:
    width, height = picture.shape[1], picture.shape[0]
    square = ((width - height) // 2, 0, (width + height) // 2, height)
    small = Image.fromarray(picture).crop(square).resize((320, 320), Image.Resampling.BICUBIC)
    images = (torch.from_numpy(np.array(small)).float() - 127) / 128
    with torch.inference_mode():
        boxes, scores = load_packaged(WEIGHTS)(images.permute(2, 0, 1)[None])
    assert scores.shape[1:] == (19206, 90)
    for anchor, number, score, box in FOUND:  # theirs computes with 8 bits
        assert int(scores[0, anchor].argmax()) == number
        assert float(scores[0, anchor, number]) == pytest.approx(score, abs=0.05)
        np.testing.assert_allclose(boxes[0, anchor], box, atol=0.02)


def test_a_box_is_asked_for_and_not_what_lies_beside_it(picture) -> None:
    (encoder,) = load_image_encoders("efficientdet_lite0", device="cpu")
    width, height = picture.shape[1], picture.shape[0]

    def in_picture(box) -> tuple[int, int, int, int]:
        x = [(width - height) / 2 + side * height for side in (box[0], box[2])]
        return (int(x[0]), int(box[1] * height), int(x[1]), int(box[3] * height))

    sofa, bear = (in_picture(box) for _, _, _, box in FOUND[:2])
    nothing = (0, 0, 40, 40)
    vectors = encoder.encode([picture] * 3, [sofa, bear, nothing])
    assert (encoder.space, vectors.shape) == (COCO_SPACE, (3, 91))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    best = [class_words(COCO_SPACE)[int(number)] for number in vectors.argmax(axis=1)]
    assert best == [("sofa", "armchair"), ("teddy bear", "stuffed animal"), ("*",)]


def test_a_wide_crop_has_the_box_in_its_middle_and_is_grey_outside(picture) -> None:
    crop, inner = wide_crop(picture, (0, 0, 60, 30), 64)
    assert crop.shape == (64, 64, 3)
    np.testing.assert_allclose(inner, (0.25, 0.375, 0.75, 0.625))
    assert (crop[:20] == 127).all() and (crop[:, :12] == 127).all()
    assert not (crop[40:, 40:] == 127).all()
