"""SigLIP 2's text tower, with a tiny one of random weights: its code path and its errors."""

import json
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from seg3d_ros.text.cache import EmbeddingCache
from seg3d_ros.text.encoder import load_text_encoder
from seg3d_ros.text.siglip2 import SIGLIP2_REPOSITORY, SigLIP2
from seg3d_ros.text.vocabulary import Vocabulary

torch = pytest.importorskip("torch", reason="the extra seg3d_ros[text] is not installed")
transformers = pytest.importorskip(
    "transformers", reason="the extra seg3d_ros[text] is not installed"
)
tokenizers = pytest.importorskip("tokenizers")

TEXTS = ["lamp", "a chair that somebody has put beside the table", "sofa", "long " * 40, ""]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Files as the hub has them: both towers in one model.safetensors, a BPE tokenizer."""
    folder = tmp_path_factory.mktemp("siglip2")
    layers = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    text = layers | {
        "vocab_size": 64,
        "projection_size": 1152,
        "pad_token_id": 0,
        "bos_token_id": 2,
        "eos_token_id": 1,
    }
    vision = layers | {"image_size": 28, "patch_size": 14}
    torch.manual_seed(0)
    model = transformers.SiglipModel(
        transformers.SiglipConfig(text_config=text, vision_config=vision)
    )
    model.save_pretrained(folder)

    letters = ["<pad>", "<eos>", "<bos>", "<unk>", *"▁abcdefghijklmnopqrstuvwxyz", "la", "mp"]
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.BPE(
            vocab={letter: i for i, letter in enumerate(letters)},
            merges=[("l", "a"), ("m", "p")],
            unk_token="<unk>",
        )
    )
    tokenizer.normalizer = tokenizers.normalizers.Replace(" ", "▁")
    # What a file may bring along must not matter: Gemma's marks the start and pads on the left.
    tokenizer.enable_padding(direction="left", length=7)
    tokenizer.enable_truncation(5)
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", 2)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="module")
def siglip2(folder) -> SigLIP2:
    return load_text_encoder("siglip2-so400m-patch14-224", folder=folder, device="cpu")


def copy_without(folder: Path, copy: Path, name: str) -> Path:
    copy.mkdir()
    for path in folder.iterdir():
        if path.name != name:
            (copy / path.name).write_bytes(path.read_bytes())
    return copy


def test_it_is_the_text_side_of_the_whole_model_padded_with_64_unmasked_tokens(
    folder, siglip2
) -> None:
    tokens = torch.zeros(2, 64, dtype=torch.long)
    tokens[0, :3] = torch.tensor([31, 32, 1])  # la, mp, end
    tokens[1, :4] = torch.tensor([5, 4, 6, 1])  # a, space, b, end
    whole = transformers.SiglipModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        pooled = whole.text_model(input_ids=tokens).pooler_output
    expected = torch.nn.functional.normalize(pooled, dim=1).numpy()
    np.testing.assert_allclose(siglip2.encode(["LaMP", "A b"]), expected, atol=1e-6)


def test_vectors_have_unit_length_and_do_not_depend_on_the_batch(siglip2) -> None:
    texts = TEXTS + [f"{chr(97 + i % 26)} {chr(97 + i // 26)}" for i in range(100)]
    together = siglip2.encode(texts)
    assert together.shape == (105, siglip2.dimension)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.concatenate([siglip2.encode([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    assert np.abs(together[5:] - together[5]).max(axis=1)[1:].min() > 1e-5
    assert siglip2.encode([]).shape == (0, 1152)


def test_a_long_text_keeps_its_end_mark(siglip2) -> None:
    short, long = siglip2._tokenize(["sofa", "x" * 200])
    assert (long == 1).nonzero()[0].tolist() == [63]
    assert (short == 1).nonzero()[0].tolist() == [4]
    assert not short[5:].any()


def test_the_vision_tower_is_not_loaded(siglip2) -> None:
    siglip2.encode(["lamp"])
    names = [name for name, _ in siglip2._model.named_parameters()]
    assert names
    assert not [name for name in names if "vision" in name]


def test_threads_may_share_it(folder) -> None:
    shared = SigLIP2(folder, device="cpu")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda text: shared.encode([text])[0], TEXTS))
    np.testing.assert_allclose(found, SigLIP2(folder, device="cpu").encode(TEXTS), atol=1e-6)


def test_a_cached_vocabulary_needs_no_weights(folder, siglip2, tmp_path) -> None:
    labels = ["lamp", "sofa|couch", "-wall"]
    first = Vocabulary(labels, encoder=siglip2, cache=EmbeddingCache(tmp_path))
    bare = SigLIP2(tmp_path / "nowhere")
    second = Vocabulary(labels, encoder=bare, cache=EmbeddingCache(tmp_path))
    np.testing.assert_array_equal(first._embeddings, second._embeddings)
    assert second.templates == SigLIP2.templates


def test_missing_weights_are_named_with_their_cure_and_without_a_look_at_the_network(
    monkeypatch, tmp_path
) -> None:
    def no_network(*args, **kwargs):
        pytest.fail("it went to the network")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    with pytest.raises(FileNotFoundError, match=f"no copy.*hf download {SIGLIP2_REPOSITORY}"):
        load_text_encoder("siglip2-so400m-patch14-224").encode(["lamp"])


def test_the_cache_of_the_hub_is_found(folder, siglip2, monkeypatch, tmp_path) -> None:
    root = tmp_path / f"models--{SIGLIP2_REPOSITORY.replace('/', '--')}"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text("0" * 40)
    (root / "snapshots").mkdir()
    copy_without(folder, root / "snapshots" / ("0" * 40), name="")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    np.testing.assert_array_equal(
        SigLIP2(device="cpu").encode(TEXTS[:1]), siglip2.encode(TEXTS[:1])
    )


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_an_incomplete_folder_says_what_it_lacks(name, folder, tmp_path) -> None:
    lame = copy_without(folder, tmp_path / "copy", name)
    suffix = name.split(".")[-1]
    with pytest.raises(FileNotFoundError, match=f"copy has no .*{suffix}.*hf download"):
        SigLIP2(lame).encode(["lamp"])


def test_another_model_is_refused(folder, tmp_path) -> None:
    copy = copy_without(folder, tmp_path / "copy", name="")
    config = json.loads((folder / "config.json").read_text())
    for changes, message in [
        ({"text_config": config["text_config"] | {"projection_size": 768}}, "cannot be read as"),
        ({"text_config": {}}, "cannot be read as google/siglip2"),
        ({"text_config": config["text_config"] | {"num_hidden_layers": 3}}, "lacks 16 weights"),
    ]:
        (copy / "config.json").write_text(json.dumps(config | changes))
        with pytest.raises(ValueError, match=message):
            SigLIP2(copy, device="cpu").encode(["lamp"])


def test_damaged_weights_are_refused(folder, tmp_path) -> None:
    copy = copy_without(folder, tmp_path / "copy", name="")
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ValueError, match="cannot be read as google/siglip2"):
        SigLIP2(copy, device="cpu").encode(["lamp"])


def test_nothing_heavy_is_loaded_before_the_first_text() -> None:
    code = (
        "import sys; from seg3d_ros.text.encoder import load_text_encoder; "
        "load_text_encoder('siglip2-so400m-patch14-224'); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_half_precision_on_a_gpu_stays_close(folder, siglip2) -> None:
    found = SigLIP2(folder, device="cuda").encode(TEXTS)
    cosines = (found * siglip2.encode(TEXTS)).sum(axis=1)
    np.testing.assert_allclose(cosines, 1, atol=1e-3)
