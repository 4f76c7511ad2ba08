"""The real encoder: its geometry, its meaning, and what it says when it is not installed."""

import importlib.util
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from seg3d_ros.text.encoder import load_text_encoder
from seg3d_ros.text.minilm import WEIGHTS_PACKAGE
from seg3d_ros.text.vocabulary import Vocabulary

INSTALLED = all(
    importlib.util.find_spec(name) for name in ("torch", "transformers", WEIGHTS_PACKAGE)
)
needs_weights = pytest.mark.skipif(
    not INSTALLED, reason="the extra seg3d_ros[text] is not installed"
)


@pytest.fixture(scope="module")
def minilm():
    return load_text_encoder("all-MiniLM-L6-v2")


@needs_weights
def test_vectors_have_unit_length_and_do_not_depend_on_the_batch(minilm) -> None:
    texts = ["lamp", "a chair that somebody has put beside the long table", "sofa", "x " * 900]
    together = minilm.encode(texts)
    assert together.shape == (4, minilm.dimension)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.concatenate([minilm.encode([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert minilm.encode([]).shape == (0, 384)


@needs_weights
def test_meaning(minilm) -> None:
    couch, sofa, lamp = minilm.encode(["couch", "sofa", "lamp"])
    assert couch @ sofa > 0.6 > 0.5 > couch @ lamp
    vocabulary = Vocabulary(["chair", "monitor", "lamp", "mug"], encoder=minilm)
    (ranked,) = vocabulary.classify(vocabulary.embed_text("something to sit on")[None])
    assert ranked[0].label == "chair"
    names = ["armchair", "computer screen", "coffee cup", "light"]
    best = [ranked[0].label for ranked in vocabulary.classify(minilm.encode(names))]
    assert best == ["chair", "monitor", "mug", "lamp"]


@needs_weights
def test_threads_may_share_it(minilm) -> None:
    texts = [f"object number {i}" for i in range(16)]
    expected = minilm.encode(texts)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda text: minilm.encode([text])[0], texts))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@needs_weights
def test_nothing_heavy_is_loaded_before_the_first_text() -> None:
    code = (
        "import sys; from seg3d_ros.text.encoder import load_text_encoder; "
        "load_text_encoder('all-MiniLM-L6-v2'); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_missing_package_is_named_with_its_cure(monkeypatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name == "transformers" else find_spec(name),
    )
    with pytest.raises(ImportError, match=r"transformers.*pip install torch transformers"):
        load_text_encoder("all-MiniLM-L6-v2")


def test_an_unknown_encoder_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="known: all-MiniLM-L6-v2"):
        load_text_encoder("word2vec")
