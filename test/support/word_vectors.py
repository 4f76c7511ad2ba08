"""Words with fixed vectors: a text encoder for tests that need no language."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np


class WordVectors:
    """A text is the mean of its words' fixed random vectors; remembers what it was asked."""

    name = "word vectors/v1"
    dimension = 32
    temperature = 0.1
    templates = ("{}", "a {}")
    latin_only = True

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.encoded.extend(texts)
        sums = np.array([sum(self._vector(word) for word in text.split()) for text in texts])
        return (sums / np.linalg.norm(sums, axis=1, keepdims=True)).astype(np.float32)

    def _vector(self, word: str) -> np.ndarray:
        return np.random.default_rng(zlib.crc32(word.encode())).standard_normal(self.dimension)
