"""Embeddings of text on disk, so that a known vocabulary costs no forward pass.

One .npy file a text space: a structured array of (digest of the text, vector). It is a cache:
a file that cannot be read is forgotten, a folder that cannot be written only costs time. Those of
the household list and of the witnesses' words in the space of the default model come with the
package (tools/embed_words.py): the first start needs no text encoder.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from seg3d_ros.files import replacing
from seg3d_ros.scene import Float32

logger = logging.getLogger(__name__)

BUNDLED = Path(__file__).parent / "embeddings"
MAX_ENTRIES = 20_000  # two vocabularies of the largest size; 31 MB at 384 dimensions
_DIGEST_BYTES = 16


def default_folder() -> Path:
    """`seg3d_ros/text` in the user's cache folder ($XDG_CACHE_HOME, else ~/.cache)."""
    root = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(root).expanduser() / "seg3d_ros" / "text"


class EmbeddingCache:
    """Text → vector, in memory and on disk, at most `max_entries` a space; oldest go first.

    Threads may share it; one lock guards everything. Processes may share the folder: files are
    replaced whole, so the last writer wins and nobody reads half a file.
    """

    def __init__(self, folder: Path | None = None, *, max_entries: int = MAX_ENTRIES) -> None:
        """Use `folder`, made when first written to.

        Args:
            folder: None for `default_folder()`, on top of what comes with the package.
            max_entries: of a space.
        """
        self._folder = folder if folder is not None else default_folder()
        self._read_first = [BUNDLED] if folder is None else []
        self._max_entries = max_entries
        self._lock = threading.Lock()
        self._spaces: dict[tuple[str, int], dict[bytes, Float32]] = {}

    def get(self, space: str, dimension: int, texts: list[str]) -> dict[str, Float32]:
        """Those of the texts that are known, each with its (dimension,) float32 vector."""
        with self._lock:
            known = self._space(space, dimension)
            found = {text: known.get(_digest(text)) for text in texts}
        return {text: vector for text, vector in found.items() if vector is not None}

    def put(self, space: str, dimension: int, vectors: Mapping[str, Float32]) -> None:
        """Remember (dimension,) unit vectors and write the space's file."""
        if not vectors:
            return
        with self._lock:
            known = self._space(space, dimension)
            known.update((_digest(text), vector) for text, vector in vectors.items())
            while len(known) > self._max_entries:
                known.pop(next(iter(known)))
            self._write(self._folder / _file_name(space), known, _entry(dimension))

    def _space(self, space: str, dimension: int) -> dict[bytes, Float32]:
        key = (space, dimension)
        if key not in self._spaces:
            known: dict[bytes, Float32] = {}
            for folder in (*self._read_first, self._folder):
                known |= self._read(folder / _file_name(space), _entry(dimension))
            self._spaces[key] = known
        return self._spaces[key]

    def _read(self, path: Path, entry: np.dtype[np.void]) -> dict[bytes, Float32]:
        try:
            # A map of the file can't be larger than the file, whatever its header says.
            rows = np.lib.format.open_memmap(path, mode="r")
        except FileNotFoundError:
            return {}
        except Exception as error:  # NumPy parses a header as Python: anything may come of that
            why = str(error) or type(error).__name__
            logger.warning("ignoring the text cache %s, it cannot be read: %s", path, why)
            return {}
        if rows.dtype != entry or rows.ndim != 1 or len(rows) > self._max_entries:
            logger.warning("ignoring the text cache %s, its layout is another one", path)
            return {}
        vectors = np.array(rows["vector"])
        if not np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-3):
            logger.warning("ignoring the text cache %s, it holds no unit vectors", path)
            return {}
        digests = (digest.tobytes() for digest in np.array(rows["digest"]))
        return dict(zip(digests, vectors, strict=True))

    def _write(self, path: Path, known: Mapping[bytes, Float32], entry: np.dtype[np.void]) -> None:
        rows = np.empty(len(known), entry)
        rows["digest"] = np.frombuffer(b"".join(known), np.uint8).reshape(-1, _DIGEST_BYTES)
        rows["vector"] = np.stack(list(known.values()))
        try:
            with replacing(path) as temporary, temporary.open("wb") as file:
                np.save(file, rows, allow_pickle=False)
        except OSError as error:
            logger.warning("cannot write the text cache %s: %s", path, error)


def _file_name(space: str) -> str:
    readable = re.sub(r"[^A-Za-z0-9.-]+", "_", space)[:60]
    return f"{readable}-{_digest(space).hex()[:8]}.npy"


def _entry(dimension: int) -> np.dtype[np.void]:
    return np.dtype([("digest", np.uint8, (_DIGEST_BYTES,)), ("vector", "<f4", (dimension,))])


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_BYTES).digest()
