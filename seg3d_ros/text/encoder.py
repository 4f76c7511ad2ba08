"""Text encoders: words in, unit vectors out. A segmenter's embeddings live in the space of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from seg3d_ros.errors import InputError
from seg3d_ros.scene import Float32


class TextEncoder(Protocol):
    """Turns text into unit vectors.

    Attributes:
        name: names the space; embeddings of two encoders compare only when the names are equal.
        dimension: D, length of a vector.
        temperature: what cosines are divided by before the softmax over a vocabulary.
        templates: sentences around each word that suit it, "{}" stands for the word.
        latin_only: it has learned no other script than the Latin one.
    """

    name: str
    dimension: int
    temperature: float
    templates: tuple[str, ...]
    latin_only: bool

    def encode(self, texts: Sequence[str]) -> Float32:
        """Embed N texts into (N, D) float32 unit vectors; may be called from several threads."""
        ...


def _minilm(folder: Path | None, device: str) -> TextEncoder:
    from seg3d_ros.text.minilm import MiniLM

    return MiniLM(folder, device=device)


def _siglip2(folder: Path | None, device: str) -> TextEncoder:
    from seg3d_ros.text.siglip2 import SigLIP2

    return SigLIP2(folder, device=device)


def _clip(folder: Path | None, device: str) -> TextEncoder:
    from seg3d_ros.text.clip import ClipText

    return ClipText(folder, device=device)


ENCODERS: dict[str, Callable[[Path | None, str], TextEncoder]] = {
    "all-MiniLM-L6-v2": _minilm,
    "siglip2-so400m-patch14-224": _siglip2,
    "clip-vit-large-patch14": _clip,
}


def load_text_encoder(
    name: str, *, folder: Path | None = None, device: str = "auto"
) -> TextEncoder:
    """Make a text encoder by name; its weights are read when it is first used.

    Args:
        name: a key of `ENCODERS`.
        folder: where these weights lie; None: where its package or the hub's cache has them.
        device: of PyTorch, such as "cpu" or "cuda:0"; "auto": a GPU if there is one.

    Raises:
        InputError: there is no encoder of this name.
        ImportError: its packages are missing; the message says what to install.
    """
    if name not in ENCODERS:
        raise InputError(f"unknown text encoder {name!r}; known: {', '.join(ENCODERS)}")
    return ENCODERS[name](folder, device)
