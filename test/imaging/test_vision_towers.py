"""Image towers of random weights: equal to transformers' own way, and refusals."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers

from seg3d_ros.errors import InputError
from seg3d_ros.imaging.vision_towers import CLIP, SIGLIP2, VisionTower

SMALL = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 16,
}
SMALL_SIGLIP = replace(SIGLIP2, crop_size=32, dimension=16)
SMALL_CLIP = replace(CLIP, crop_size=32, dimension=8)
BOXES = [(0, 0, 32, 32)] * 3  # all of each picture


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict:
    torch.manual_seed(0)
    siglip = transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**SMALL))
    config = transformers.CLIPVisionConfig(**SMALL, projection_dim=8)
    clip = transformers.CLIPVisionModelWithProjection(config)
    made = {"siglip2": siglip, "clip": clip}
    folders = {}
    for name, model in made.items():
        folders[name] = tmp_path_factory.mktemp(name)
        model.save_pretrained(folders[name])
    return folders


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("tower", [SMALL_SIGLIP, SMALL_CLIP], ids=lambda tower: tower.name)
def test_vectors_are_those_of_the_processor_and_the_model(tower, folders, crops) -> None:
    processor = getattr(
        transformers, "SiglipImageProcessor" if tower.name == "siglip2" else "CLIPImageProcessor"
    )(do_resize=False, do_center_crop=False, image_mean=tower.mean, image_std=tower.deviation)
    model = getattr(transformers, tower.model).from_pretrained(folders[tower.name]).eval()
    with torch.inference_mode():
        inputs = processor(images=list(crops), return_tensors="pt")
        expected = torch.nn.functional.normalize(getattr(model(**inputs), tower.output), dim=1)
    encoder = VisionTower(tower, folders[tower.name], device="cpu")
    assert encoder.space == tower.text_space + " of pictures"
    np.testing.assert_allclose(encoder.encode(crops, BOXES), expected.numpy(), atol=1e-5)


def test_files_of_another_model_are_refused(folders, crops, tmp_path) -> None:
    with pytest.raises(InputError, match="16 numbers instead of 1152"):
        VisionTower(replace(SIGLIP2, crop_size=32), folders["siglip2"], device="cpu").encode(
            crops, BOXES
        )
    with pytest.raises(InputError, match="cannot be read"):
        VisionTower(SMALL_CLIP, tmp_path, device="cpu").encode(crops, BOXES)


def test_weights_that_are_not_here_are_told(monkeypatch, tmp_path, crops) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    absent = replace(SMALL_CLIP, repository="nobody/has-this")
    with pytest.raises(FileNotFoundError, match="hf download nobody/has-this"):
        VisionTower(absent, device="cpu").encode(crops, BOXES)
