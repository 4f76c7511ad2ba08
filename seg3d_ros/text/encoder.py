"""Text encoders: words in, unit vectors out. A segmenter's embeddings live in the space of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from seg3d_ros.scene import Float32


class TextEncoder(Protocol):
    """Turns text into unit vectors.

    Attributes:
        name: names the space; embeddings of two encoders compare only when the names are equal.
        dimension: D, length of a vector.
        temperature: what cosines are divided by before the softmax over a vocabulary.
    """

    name: str
    dimension: int
    temperature: float

    def encode(self, texts: Sequence[str]) -> Float32:
        """Embed N texts into (N, D) float32 unit vectors; may be called from several threads."""
        ...


def _minilm() -> TextEncoder:
    from seg3d_ros.text.minilm import MiniLM

    return MiniLM()


ENCODERS: dict[str, Callable[[], TextEncoder]] = {"all-MiniLM-L6-v2": _minilm}


def load_text_encoder(name: str) -> TextEncoder:
    """Make a text encoder by name; its weights are read when it is first used.

    Raises:
        ValueError: there is no encoder of this name.
        ImportError: its packages are missing; the message says what to install.
    """
    if name not in ENCODERS:
        raise ValueError(f"unknown text encoder {name!r}; known: {', '.join(ENCODERS)}")
    return ENCODERS[name]()
