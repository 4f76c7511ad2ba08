"""Embed the words that come with the package; run it when one of their lists has changed.

    python tools/embed_words.py

Writes seg3d_ros/text/embeddings.
"""

from __future__ import annotations

import shutil

from seg3d_ros.text.cache import BUNDLED, EmbeddingCache
from seg3d_ros.text.encoder import load_text_encoder
from seg3d_ros.text.known_words import KnownWords
from seg3d_ros.text.vocabulary import Vocabulary
from seg3d_ros.text.vocabulary_files import load_vocabulary_file

SPACE = "all-MiniLM-L6-v2"  # of the default model


def main() -> None:
    """Embed the household list and the words that witnesses know."""
    shutil.rmtree(BUNDLED, ignore_errors=True)
    cache, encoder = EmbeddingCache(BUNDLED), load_text_encoder(SPACE)
    known_words = KnownWords(encoder, cache)
    Vocabulary(
        load_vocabulary_file("household"), encoder=encoder, cache=cache, known_words=known_words
    )


if __name__ == "__main__":
    main()
