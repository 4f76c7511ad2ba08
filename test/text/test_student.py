"""Multilingual students, with tiny encoders of random weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from seg3d_ros.errors import InputError
from seg3d_ros.text.cache import EmbeddingCache
from seg3d_ros.text.minilm import MiniLM
from seg3d_ros.text.student import StudentEncoder, load_space_encoder
from seg3d_ros.text.vocabulary import Vocabulary

torch = pytest.importorskip("torch", reason="the extra seg3d_ros[text] is not installed")
transformers = pytest.importorskip(
    "transformers", reason="the extra seg3d_ros[text] is not installed"
)

LETTERS = "abcdefghijklmnopqrstuvwxyzßäöü椅子"


def write_encoder(folder: Path, *, seed: int, width: int = 384) -> Path:
    """A BERT of two layers that knows letters, as the hub has it."""
    folder.mkdir()
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS]
    tokens += [f"##{letter}" for letter in LETTERS]
    (folder / "vocab.txt").write_text("\n".join(tokens), encoding="utf-8")
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(seed)
    config = transformers.BertConfig(
        vocab_size=len(tokens),
        hidden_size=width,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        initializer_range=0.5,  # so that texts differ
    )
    transformers.BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def teacher_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("teacher") / "weights", seed=0)


@pytest.fixture(scope="module")
def teacher(teacher_folder: Path) -> MiniLM:
    return MiniLM(teacher_folder, device="cpu")


def student_of(teacher: MiniLM, source: Path | str) -> StudentEncoder:
    return StudentEncoder(teacher, str(source), device="cpu")


def test_a_student_embeds_other_scripts_in_the_space_of_its_teacher(
    teacher, teacher_folder, tmp_path
) -> None:
    folder = shutil.copytree(teacher_folder, tmp_path / "student")
    model = transformers.BertModel.from_pretrained(folder)
    torch.manual_seed(2)
    with torch.no_grad():
        for weight in model.parameters():  # a student is near to its teacher, not equal
            weight += 0.003 * torch.randn_like(weight)
    model.save_pretrained(folder)
    student = student_of(teacher, folder)
    words = ["stuhl", "lamp", "椅子"]
    cosines = (student.encode(words) * teacher.encode(words)).sum(axis=1)
    assert (cosines > 0.9).all() and (cosines < 0.99999).all()
    vocabulary = Vocabulary(["stuhl", "椅子", "regal"], encoder=student)
    assert not vocabulary.warnings
    (ranked,) = vocabulary.classify(teacher.encode(["椅子"]))
    assert ranked[0].label == "椅子"


def test_an_encoder_of_another_space_is_refused(teacher, tmp_path) -> None:
    stranger = write_encoder(tmp_path / "stranger", seed=1)
    with pytest.raises(InputError, match="in another space than all-MiniLM-L6-v2"):
        student_of(teacher, stranger).encode(["lamp"])
    wide = write_encoder(tmp_path / "wide", seed=0, width=64)
    with pytest.raises(InputError, match="embeds in 64 numbers and all-MiniLM-L6-v2 in 384"):
        student_of(teacher, wide).encode(["lamp"])


def test_other_ways_of_pooling_are_refused(teacher, teacher_folder, tmp_path) -> None:
    folder = shutil.copytree(teacher_folder, tmp_path / "first_token")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": false}')
    with pytest.raises(InputError, match="no encoder that takes the mean"):
        student_of(teacher, folder).encode(["lamp"])
    folder = shutil.copytree(teacher_folder, tmp_path / "dense")
    modules = [{"type": "sentence_transformers.models.Dense"}]
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(InputError, match="no encoder that takes the mean"):
        student_of(teacher, folder).encode(["lamp"])


@pytest.mark.parametrize("source", ["nowhere/at-all", "/no/such/folder", "a b c"])
def test_weights_that_are_not_here_are_named(teacher, source: str) -> None:
    with pytest.raises(FileNotFoundError, match="neither a folder nor a model in the hub's cache"):
        student_of(teacher, source).encode(["lamp"])


def test_a_damaged_folder_is_a_sentence(teacher, teacher_folder, tmp_path) -> None:
    folder = shutil.copytree(teacher_folder, tmp_path / "damaged")
    (folder / "config.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read as a text encoder"):
        student_of(teacher, folder).encode(["lamp"])


def test_students_and_teachers_do_not_share_cached_embeddings(
    teacher, teacher_folder, tmp_path
) -> None:
    cache = EmbeddingCache(tmp_path / "cache")
    teaching = Vocabulary(["lamp", "stuhl"], templates=["{}"], encoder=teacher, cache=cache)
    folder = shutil.copytree(teacher_folder, tmp_path / "student")
    encoder = load_space_encoder("all-MiniLM-L6-v2", folder=teacher_folder, student=str(folder))
    learned = Vocabulary(["lamp", "stuhl"], templates=["{}"], encoder=encoder, cache=cache)
    np.testing.assert_allclose(learned.embeddings, teaching.embeddings, atol=1e-5)
    assert len(list((tmp_path / "cache").glob("*.npy"))) == 2
