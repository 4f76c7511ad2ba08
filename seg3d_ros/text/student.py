"""Multilingual encoders that imitate the encoder of a model's embedding space.

Reimers and Gurevych, "Making Monolingual Sentence Embeddings Multilingual using Knowledge
Distillation", EMNLP 2020: a student gives a word of any of its languages the vector that its
teacher gives the English one. Only such a student names the objects of a model; another
multilingual encoder has a space of its own, in which those objects lie nowhere.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seg3d_ros.errors import InputError
from seg3d_ros.packages import require_packages
from seg3d_ros.scene import Float32
from seg3d_ros.text.encoder import TextEncoder, load_text_encoder

if TYPE_CHECKING:
    from seg3d_ros.text.sentence_encoder import SentenceEncoder

MIN_AGREEMENT = 0.8  # mean cosine to the teacher; synonyms are about so near to each other
_PROBES = (
    "chair", "table", "sofa", "bed", "lamp", "door", "window", "bookshelf", "cup", "laptop",
    "refrigerator", "potted plant", "trash can", "picture on the wall", "something to sit on",
    "fire extinguisher", "shoes", "bicycle", "washing machine", "towel",
)  # fmt: skip


class StudentEncoder:
    """Encoder of other languages in the space of a teacher; loads and is checked on first use.

    Args:
        teacher: encoder of the space.
        source: folder with the weights, or name of a model in the hub's cache.
        device: of PyTorch; "auto": a GPU if there is one.

    Raises:
        ImportError: torch or transformers is missing.
    """

    templates: tuple[str, ...] = ("{}",)  # an English sentence around a foreign word is neither
    latin_only = False

    def __init__(self, teacher: TextEncoder, source: str, *, device: str = "auto") -> None:
        require_packages(source, ("torch", "transformers"))
        self.name = teacher.name
        self.dimension = teacher.dimension
        self.temperature = teacher.temperature
        self.source = source
        self._teacher = teacher
        self._device = device
        self._lock = threading.Lock()
        self._encoder: SentenceEncoder | None = None

    def encode(self, texts: Sequence[str]) -> Float32:
        """Embed N texts into (N, D) float32 unit vectors.

        Raises:
            FileNotFoundError: the weights are not on this machine; the message says what to do.
            InputError: they are those of another space.
        """
        with self._lock:
            if self._encoder is None:
                self._encoder = self._load()
        return self._encoder.encode(texts)

    def _load(self) -> SentenceEncoder:
        from seg3d_ros.text.sentence_encoder import SentenceEncoder

        student = SentenceEncoder(_folder_of(self.source), self._device)
        if student.dimension != self.dimension:
            raise InputError(
                f"{self.source} embeds in {student.dimension} numbers and {self.name} in "
                f"{self.dimension}: {self._remedy()}"
            )
        cosines = (student.encode(_PROBES) * self._teacher.encode(_PROBES)).sum(axis=1)
        agreement = float(np.mean(cosines))
        if not agreement >= MIN_AGREEMENT:
            raise InputError(
                f"{self.source} embeds in another space than {self.name} (the cosine of English "
                f"words is {agreement:.2f} on average, of students {MIN_AGREEMENT} or more): "
                + self._remedy()
            )
        return student

    def _remedy(self) -> str:
        return (
            f"it cannot name these objects; give a student of {self.name}, trained as "
            "https://sbert.net/examples/sentence_transformer/training/multilingual says"
        )


def load_space_encoder(
    space: str, *, folder: Path | None = None, student: str = "", device: str = "auto"
) -> TextEncoder:
    """Encoder of an embedding space, or its student where one is named.

    Args:
        space: name of the space, a key of `ENCODERS`.
        folder: weights of the space's own encoder; None: where its package or the hub has them.
        student: folder or hub name of a multilingual student; empty: none.
        device: of PyTorch; "auto": a GPU if there is one.

    Raises:
        InputError: there is no such space.
        ImportError: packages are missing; the message says what to install.
    """
    teacher = load_text_encoder(space, folder=folder, device=device)
    return StudentEncoder(teacher, student, device=device) if student else teacher


def cache_name(encoder: TextEncoder) -> str:
    """Name under which embeddings are kept on disk: students do not share those of teachers."""
    if isinstance(encoder, StudentEncoder):
        return f"{encoder.name} by {encoder.source}"
    return encoder.name


def _folder_of(source: str) -> Path:
    """Folder of the weights; never uses the network.

    Raises:
        FileNotFoundError: they are not here.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder
    try:
        return Path(snapshot_download(source, local_files_only=True))
    except (HFValidationError, LocalEntryNotFoundError):
        raise FileNotFoundError(
            f"{source} is neither a folder nor a model in the hub's cache; "
            f"`hf download {source}` fetches one of the hub"
        ) from None
