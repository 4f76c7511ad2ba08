"""The embedding cache: it survives restarts, stays small, and never stands in the way."""

import logging

import numpy as np
import pytest

from seg3d_ros.text.cache import EmbeddingCache, default_folder
from seg3d_ros.text.encoder import load_text_encoder
from seg3d_ros.text.known_words import KnownWords
from seg3d_ros.text.vocabulary import Vocabulary
from seg3d_ros.text.vocabulary_files import load_vocabulary_file


def vectors_for(texts: list[str], dimension: int = 8) -> dict[str, np.ndarray]:
    rows = np.random.default_rng(len(texts)).standard_normal((len(texts), dimension))
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return dict(zip(texts, unit.astype(np.float32), strict=True))


def test_what_was_put_is_there_after_a_restart(tmp_path) -> None:
    vectors = vectors_for(["lamp", "sofa", "Grüße 猫"])
    EmbeddingCache(tmp_path / "new").put("a/b", 8, vectors)
    found = EmbeddingCache(tmp_path / "new").get("a/b", 8, ["Grüße 猫", "lamp", "other"])
    assert found.keys() == {"Grüße 猫", "lamp"}
    for text, vector in found.items():
        np.testing.assert_array_equal(vector, vectors[text])
    assert [path.suffix for path in (tmp_path / "new").iterdir()] == [".npy"]


def test_spaces_do_not_mix(tmp_path) -> None:
    cache = EmbeddingCache(tmp_path)
    cache.put("a/b", 8, vectors_for(["lamp"]))
    assert cache.get("a_b", 8, ["lamp"]) == {}
    assert cache.get("a/b", 4, ["lamp"]) == {}
    assert EmbeddingCache(tmp_path).get("a/b", 4, ["lamp"]) == {}


def test_the_oldest_entries_go_first(tmp_path) -> None:
    cache = EmbeddingCache(tmp_path, max_entries=3)
    vectors = vectors_for([str(i) for i in range(5)])
    for text, vector in vectors.items():
        cache.put("space", 8, {text: vector})
    for reader in (cache, EmbeddingCache(tmp_path, max_entries=3)):
        assert reader.get("space", 8, list(vectors)).keys() == {"2", "3", "4"}


@pytest.mark.parametrize(
    "damage",
    ["truncated", "garbage", "empty", "pickle", "other", "zeros", "zip", "open", "signs"],
)
def test_a_damaged_file_is_ignored_with_a_warning_and_rewritten(damage, tmp_path, caplog) -> None:
    EmbeddingCache(tmp_path).put("space", 8, vectors_for(["lamp", "sofa"]))
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    if damage in ("truncated", "garbage", "empty"):
        path.write_bytes({"truncated": whole[:-9], "garbage": b"?" * 99, "empty": b""}[damage])
    elif damage == "pickle":
        np.save(path, np.array([print], object), allow_pickle=True)
    elif damage == "zip":
        with path.open("wb") as file:
            np.savez(file, np.arange(4.0))
    elif damage in ("open", "signs"):
        header = {"open": b"{'shape': (3,", "signs": b"-" * 9000}[damage].ljust(9100) + b"\n"
        path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    elif damage == "other":
        np.save(path, np.arange(4.0))
    else:
        path.write_bytes(whole[:-64] + bytes(64))

    cache = EmbeddingCache(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert cache.get("space", 8, ["lamp", "sofa"]) == {}
    assert str(path) in caplog.text
    cache.put("space", 8, vectors_for(["mug"]))
    assert EmbeddingCache(tmp_path).get("space", 8, ["lamp", "mug"]).keys() == {"mug"}


def test_a_folder_that_cannot_be_written_costs_a_warning(tmp_path, caplog) -> None:
    (tmp_path / "file").touch()
    cache = EmbeddingCache(tmp_path / "file" / "folder")
    with caplog.at_level(logging.WARNING):
        cache.put("space", 8, vectors_for(["lamp"]))
    assert "cannot write the text cache" in caplog.text
    assert cache.get("space", 8, ["lamp"]).keys() == {"lamp"}


def test_the_default_folder_follows_xdg(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "seg3d_ros" / "text"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_folder() == tmp_path / ".cache" / "seg3d_ros" / "text"


class Unused:
    """The text encoder of the default model, which must not be needed."""

    def __init__(self, encoder):
        self.name, self.dimension = encoder.name, encoder.dimension
        self.temperature, self.templates = encoder.temperature, encoder.templates
        self.latin_only = True

    def encode(self, texts):
        raise AssertionError(f"tools/embed_words.py was not run for {list(texts)[:3]}")


def test_the_first_start_needs_no_text_encoder(monkeypatch, tmp_path) -> None:
    pytest.importorskip("transformers")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    encoder = load_text_encoder("all-MiniLM-L6-v2")
    unused, household = Unused(encoder), load_vocabulary_file("household")
    bundled = Vocabulary(
        household,
        encoder=unused,
        cache=EmbeddingCache(),
        known_words=KnownWords(unused, EmbeddingCache()),
    )
    afresh = Vocabulary(household[:8], encoder=encoder)
    np.testing.assert_allclose(bundled.embeddings[:8], afresh.embeddings, atol=1e-5)
    assert not list(tmp_path.iterdir())  # nothing was learnt
