"""Embeddings of an object by named space, each the mean of its views."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from seg3d_ros.scene import Float32
from seg3d_ros.text.vocabulary import Vocabulary

MEMORY_VIEWS = 10  # views that a running mean reaches back
_OPPOSITE = 1e-6  # a mean shorter than this part of its weights has no direction


@dataclass(frozen=True, eq=False)
class Embedding:
    """Mean of the embeddings that views of an object gave in one space.

    Attributes:
        vector: (D,) float32 of unit length.
        weight: mean weight of a view, >= 0.
        views: number of views, >= 1.
    """

    vector: Float32
    weight: float
    views: int = 1

    def seen_again(self, view: Embedding) -> Embedding:
        """Running mean with a further view; one of another length replaces it."""
        if len(view.vector) != len(self.vector):
            return view
        memory = min(self.views, MEMORY_VIEWS - 1)
        before = memory * self.weight
        mean = before * self.vector + view.weight * view.vector
        length = math.sqrt(float(mean @ mean))
        opposite = length <= _OPPOSITE * (before + view.weight)
        return Embedding(
            vector=self.vector if opposite else (mean / length).astype(np.float32),
            weight=(before + view.weight) / (memory + 1),
            views=self.views + view.views,
        )


def with_view(
    embeddings: Mapping[str, Embedding], space: str, view: Embedding
) -> Mapping[str, Embedding]:
    """Embeddings by space, with a further view in one of them."""
    known = embeddings.get(space)
    return {**embeddings, space: view if known is None else known.seen_again(view)}


def vector_for(
    embeddings: Mapping[str, Embedding], vocabulary: Vocabulary | None
) -> Float32 | None:
    """The vector that a vocabulary can compare with its words, or None."""
    if vocabulary is None or vocabulary.encoder is None:
        return None
    for space, embedding in embeddings.items():
        if vocabulary.can_classify(space):
            # A map file may say anything of a space; what is of another length is not of it.
            fits = len(embedding.vector) == vocabulary.encoder.dimension
            return embedding.vector if fits else None
    return None
