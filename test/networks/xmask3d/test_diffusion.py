"""Features of Stable Diffusion against recordings of the reference, and its files."""

from __future__ import annotations

import sys
import types

import pytest
import torch
from support.parity import OWN, Recording, recordings
from support.xmask3d import (
    EXTRACTOR,
    assert_near,
    diffusion_of,
    native_diffusion,
    small_diffusion,
    with_recipe,
)
from torch.nn.functional import interpolate

from seg3d_ros.networks.checkpoint import CheckpointError
from seg3d_ros.networks.xmask3d.captioner import Captioner
from seg3d_ros.networks.xmask3d.diffusion import STRIDES
from seg3d_ros.networks.xmask3d.diffusion_weights import load_diffusion

pytest.importorskip("diffusers")
RECORDED = recordings("xmask3d", having="features")


def rows_of(image, recorded):
    """The rows of an image that are recorded."""
    return image[:, :, :: image.shape[2] // recorded.shape[2]]


@pytest.mark.parametrize("recording", RECORDED, ids=str)
def test_features_of_an_image(recording, device):
    config, arrays = recording.description["config"], recording.arrays
    frozen = diffusion_of(recording.description).to(device)
    sizes = {"context_width": frozen.context_width, "time_width": frozen.time_width}
    captioner = with_recipe(Captioner(**sizes), EXTRACTOR).to(device)
    assert_near(frozen.empty_text, arrays["uncond_inputs"][0], "empty text")
    assert_near(rows_of(frozen.noise, arrays["shared_noise"]), arrays["shared_noise"], "noise")
    image = interpolate(arrays["image_lowres_u8"] / 255, scale_factor=8, mode="bilinear")
    with torch.inference_mode():
        caption = captioner(arrays["prefix"][0].to(device))
        latent, _ = frozen.encode(image.to(device))
        noisy = frozen.noisy(config["scale_factor"] * latent)
        features = frozen(image.to(device), caption)
    assert_near(frozen.empty_text + caption.context, arrays["cond_inputs"][0], "context")
    assert_near(caption.time, arrays["cond_emb"][0], "time")
    latent = config["scale_factor"] * latent
    assert_near(rows_of(latent, arrays["latent"]), arrays["latent"], "latent")
    assert_near(rows_of(noisy, arrays["noisy_latent"]), arrays["noisy_latent"], "noisy")
    names, shapes = zip(*recording.description["features"].items(), strict=True)
    assert [list(x.shape) for x in features] == list(shapes)
    assert frozen.channels == tuple(shape[1] for shape in shapes)
    for name, ours in zip(names, features, strict=True):
        channels = arrays.get(f"featch/{name}", torch.arange(ours.shape[1])).to(device)
        assert_near(ours[:, channels], arrays[f"feat/{name}"], name)
        assert_near(ours.mean((2, 3)), arrays[f"featmean/{name}"], name)


def test_a_folder_of_diffusers(tmp_path):
    for name, network in small_diffusion().items():
        network.save_pretrained(tmp_path / name)
    frozen = load_diffusion(tmp_path)
    assert (frozen.context_width, frozen.time_width) == (32, 128)
    assert not any(parameter.requires_grad for parameter in frozen.parameters())
    captioner = Captioner(context_width=32, time_width=128)
    image = torch.rand(1, 3, 128, 128)
    features = frozen.train()(image, captioner(torch.rand(768)))
    for feature, channels, stride in zip(features, frozen.channels, STRIDES, strict=True):
        assert feature.shape[1:] == (channels, 128 // stride, 128 // stride)
    with torch.no_grad():
        captioner.alpha_cond.fill_(1)  # its gates begin closed
        captioner.alpha_cond_time_embed.fill_(1)
    told = frozen(image, captioner(torch.rand(768)))
    changed = [not torch.equal(a, b) for a, b in zip(features, told, strict=True)]
    assert changed == [False, False, True, True, True, True, False, False]
    told[5].sum().backward()
    assert captioner.clip_project.linear.weight.grad.abs().max() > 0
    assert all(parameter.grad is None for parameter in frozen.parameters())


@pytest.fixture
def authors(monkeypatch):
    """Content of a checkpoint of the authors; their trainer puts a class of its own into it."""
    from transformers import CLIPTextConfig, CLIPTextModel

    recorded = Recording(OWN / "xmask3d/ldm_features.npz").description
    width = recorded["config"]["ctx"]
    sizes = {"hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": 2}
    text = CLIPTextModel(CLIPTextConfig(**sizes, num_attention_heads=1))
    named = {
        f"text_model.{k.removeprefix('text_model.')}": v for k, v in text.state_dict().items()
    }
    named["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    state = native_diffusion(recorded)
    state |= {f"cond_stage_model.transformer.{k}": v for k, v in named.items()}
    trainer = types.ModuleType("pytorch_lightning.callbacks.model_checkpoint")
    trainer.ModelCheckpoint = type("ModelCheckpoint", (), {"__module__": trainer.__name__})
    for depth in (1, 2, 3):
        name = ".".join(trainer.__name__.split(".")[:depth])
        monkeypatch.setitem(sys.modules, name, trainer if depth == 3 else types.ModuleType(name))
    return {"state_dict": state, "callbacks": {trainer.ModelCheckpoint: {"best": 0.5}}}


def test_a_checkpoint_of_the_authors(tmp_path, monkeypatch, authors):
    torch.save(authors, tmp_path / "sd.ckpt")
    monkeypatch.delitem(sys.modules, "pytorch_lightning.callbacks.model_checkpoint")
    frozen = load_diffusion(tmp_path / "sd.ckpt")
    assert frozen.empty_text.shape == (77, 48)
    tensor = authors["state_dict"]["model.diffusion_model.time_embed.0.weight"]
    assert torch.equal(frozen.unet.time_embedding.linear_1.weight, tensor)


def test_checkpoints_of_other_models_are_refused(tmp_path, authors):
    state = authors["state_dict"]
    state["model.diffusion_model.middle_block.0.in_layers.0.bias"] = torch.zeros(3)
    torch.save({"state_dict": state}, tmp_path / "sd.ckpt")
    with pytest.raises(CheckpointError, match="does not fit UNet2DConditionModel; of another"):
        load_diffusion(tmp_path / "sd.ckpt")
    del state["model.diffusion_model.input_blocks.4.0.in_layers.2.weight"]
    torch.save({"state_dict": state}, tmp_path / "sd.ckpt")
    with pytest.raises(CheckpointError, match=r"holds no Stable Diffusion 1.*input_blocks\.4"):
        load_diffusion(tmp_path / "sd.ckpt")


def test_other_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_diffusion(tmp_path / "nothing.ckpt")
    (tmp_path / "unet").mkdir()
    with pytest.raises(CheckpointError, match="it lacks vae, text_encoder"):
        load_diffusion(tmp_path)
    torch.save({"a": torch.zeros(1)}, tmp_path / "a.ckpt")
    with pytest.raises(CheckpointError, match="holds no text tower"):
        load_diffusion(tmp_path / "a.ckpt")
