"""CLIP's text tower: recorded embeddings, and its files with a tiny one of random weights."""

from __future__ import annotations

import numpy as np
import pytest
from support.parity import OWN, Recording

from seg3d_ros.errors import InputError
from seg3d_ros.text.encoder import load_text_encoder

torch = pytest.importorskip("torch", reason="the extra seg3d_ros[text] is not installed")
transformers = pytest.importorskip("transformers", reason="the extra is not installed")
pytest.importorskip("tokenizers")
RECORDED = Recording(OWN / "xmask3d/clip.npz")
BLOCK = {  # names in a block of OpenAI's, and in one of transformers
    "attn.out_proj": "self_attn.out_proj",
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}


def tower(width=64, projection=768):
    config = transformers.CLIPTextConfig(
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=2,
        num_attention_heads=2,
        projection_dim=projection,
        hidden_act="quick_gelu",
    )
    torch.manual_seed(0)
    return transformers.CLIPTextModelWithProjection(config)


def recorded_state():
    """Weights of the recording by the names of transformers."""
    from support.xmask3d import native_clip

    native = native_clip(RECORDED.description, "clip_head.clip.")
    state = {
        "text_model.embeddings.token_embedding.weight": native["token_embedding.weight"],
        "text_model.embeddings.position_embedding.weight": native["positional_embedding"],
        "text_model.final_layer_norm.weight": native["ln_final.weight"],
        "text_model.final_layer_norm.bias": native["ln_final.bias"],
        "text_projection.weight": native["text_projection"].t(),
    }
    for name, tensor in native.items():
        if not name.startswith("transformer.resblocks."):
            continue
        layer, part = name.removeprefix("transformer.resblocks.").split(".", 1)
        prefix = f"text_model.encoder.layers.{layer}."
        if "in_proj" in part:
            for letter, rows in zip("qkv", tensor.chunk(3), strict=True):
                state[f"{prefix}self_attn.{letter}_proj.{part[len('attn.in_proj_') :]}"] = rows
            continue
        theirs = next(key for key in BLOCK if part.startswith(key))
        state[prefix + part.replace(theirs, BLOCK[theirs])] = tensor
    return state


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files as the hub has them."""
    from support.xmask3d import save_letters

    folder = tmp_path_factory.mktemp("clip")
    model = tower()
    model.load_state_dict(recorded_state())
    model.save_pretrained(folder)
    save_letters(folder)
    return folder


@pytest.fixture(scope="module")
def encoder(folder):
    return load_text_encoder("clip-vit-large-patch14", folder=folder, device="cpu")


def test_embeddings_are_those_of_the_reference(encoder):
    arrays = RECORDED.arrays
    encoder.encode([])  # loads
    tokens = arrays["tokens"].numpy().astype(np.int64)[:19]
    expected = torch.nn.functional.normalize(arrays["text_embed"], dim=1).numpy()
    np.testing.assert_allclose(encoder._embed(tokens), expected, atol=1e-5)


def test_words_become_unit_vectors(encoder):
    vectors = encoder.encode(["chair", "table", "chair", "z" * 300])
    assert vectors.shape == (4, 768) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(vectors[0], vectors[2])
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-3
    tokens = encoder._tokenize(["chair", "z" * 300])
    assert tokens[0, :7].tolist() == [49406, 2, 7, 0, 8, 17, 49407]
    assert tokens[1, 0] == 49406 and tokens[1, -1] == 49407


def test_other_files_are_refused(folder, tmp_path):
    encoder = load_text_encoder("clip-vit-large-patch14", folder=tmp_path, device="cpu")
    with pytest.raises(FileNotFoundError, match=r"has no config\.json, tokenizer\.json, \*\.safe"):
        encoder.encode(["a"])
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="cannot be read as openai/clip"):
        encoder.encode(["a"])
    (tmp_path / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    tower(projection=512).save_pretrained(tmp_path)
    with pytest.raises(InputError, match="vectors have 512 numbers instead of 768"):
        encoder.encode(["a"])
