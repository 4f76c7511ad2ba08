"""CLIP with mask tokens against recordings of the reference, and CLIP from files."""

from __future__ import annotations

import pytest
import torch
from support.parity import recordings
from support.xmask3d import assert_near, native_clip, small_clip
from torch import nn
from torch.nn.functional import interpolate

from seg3d_ros.errors import InputError
from seg3d_ros.networks.checkpoint import CheckpointError
from seg3d_ros.networks.xmask3d.clip_masks import embed_masks
from seg3d_ros.networks.xmask3d.clip_weights import clip_vision, load_clip_vision

RECORDED = recordings("xmask3d", having="tokens")


@pytest.mark.parametrize("recording", RECORDED, ids=str)
def test_embeddings_of_masks(recording, device):
    arrays = recording.arrays
    state = native_clip(recording.description, "clip_head.clip.")
    vision = clip_vision(state, source="the recording").eval().to(device)
    image = interpolate(arrays["image_lowres_u8"] / 255, scale_factor=8, mode="bilinear")[0]
    logits = arrays["mask_logits"][0]
    found = embed_masks(vision, image.to(device), logits.to(device))
    assert_near(found, arrays["mask_embed_clip"][0])
    alone = embed_masks(vision, image.to(device), logits[:1].to(device))
    torch.testing.assert_close(alone, found[:1])  # masks do not see each other
    assert embed_masks(vision, image.to(device), logits[:0].to(device)).shape == (0, 768)


def archive(state, path):
    """A TorchScript archive that holds these tensors, in half precision like OpenAI's."""
    root = nn.Module()
    for name, tensor in state.items():
        *folders, leaf = name.split(".")
        module = root
        for folder in folders:
            if not hasattr(module, folder):
                module.add_module(folder, nn.Module())
            module = getattr(module, folder)
        module.register_parameter(leaf, nn.Parameter(tensor.half()))
    torch.jit.save(torch.jit.script(root), path)


def test_an_archive_of_openai_and_a_folder_of_the_hub(tmp_path):
    archive(small_clip(), tmp_path / "ViT-L-14.pt")
    opened = load_clip_vision(tmp_path / "ViT-L-14.pt")
    assert opened.dtype == torch.float32
    assert not any(parameter.requires_grad for parameter in opened.parameters())
    opened.save_pretrained(tmp_path / "hub")
    again = load_clip_vision(tmp_path / "hub")
    for name, tensor in opened.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name


def test_other_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="give the folder or the archive"):
        load_clip_vision(tmp_path / "nothing")
    (tmp_path / "text.pt").write_text("no archive")
    with pytest.raises(CheckpointError, match="no archive of OpenAI's CLIP"):
        load_clip_vision(tmp_path / "text.pt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="cannot be read as openai/clip-vit"):
        load_clip_vision(tmp_path / "empty")
    with pytest.raises(CheckpointError, match=r"no image tower of CLIP; it has a\.weight"):
        clip_vision({"a.weight": torch.zeros(1)}, source="a file")
    narrow = small_clip()
    narrow["visual.proj"] = torch.zeros(64, 512)
    archive(narrow, tmp_path / "narrow.pt")
    with pytest.raises(CheckpointError, match="embeddings have 512 numbers; ViT-L/14"):
        load_clip_vision(tmp_path / "narrow.pt")
