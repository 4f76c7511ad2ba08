"""Prompt ensembles: one vector for several texts of one meaning.

The mean of the unit vectors of all texts, brought to unit length again: "prompt ensembling" of
Radford et al., "Learning Transferable Visual Models From Natural Language Supervision" (2021),
section 3.1.4.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seg3d_ros.scene import Float32
from seg3d_ros.text.encoder import TextEncoder


def all_texts(words: Sequence[str], templates: Sequence[str]) -> list[str]:
    """Texts of each word in each template, whose "{}" it takes the place of."""
    # str.format would give "{0}" and "{x.y}" in somebody's template a meaning.
    return [template.replace("{}", word) for word in words for template in templates]


def embed_ensembles(encoder: TextEncoder, groups: Sequence[Sequence[str]]) -> Float32:
    """(G, D) unit vectors, one for each group of at least one text."""
    vectors = encoder.encode([text for group in groups for text in group])
    starts = np.cumsum([0] + [len(group) for group in groups[:-1]])
    sums: Float32 = np.add.reduceat(vectors, starts, axis=0)
    unit: Float32 = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    return unit


def embed_words(encoder: TextEncoder, words: Sequence[str]) -> Float32:
    """(N, D) unit vectors of N words, each in all templates that suit the encoder."""
    return embed_ensembles(encoder, [all_texts([word], encoder.templates) for word in words])
