"""Likeness of objects and free text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seg3d_ros.objects.embedding import vector_for
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.text.vocabulary import Vocabulary


def text_likeness(
    objects: Sequence[MapObject], text: str, vocabulary: Vocabulary
) -> list[float | None]:
    """Likeness of objects to a text, in [-1, 1]; None where nothing is known to compare.

    It is the mean of two cosines with the text: that of what the model saw, and that expected of
    the names an object may have, by their probabilities. So all witnesses of its name have a say,
    and things that the vocabulary has no word for are found all the same.

    Args:
        objects: to be compared.
        text: checked.
        vocabulary: words in force, with an encoder.
    """
    meant = vocabulary.embed_text(text)
    rows = vocabulary.row_of
    of_labels = vocabulary.embeddings @ meant

    def of_names(known: MapObject) -> float | None:
        if known.pinned_label:
            return float(vocabulary.embed_text(known.pinned_label) @ meant)
        shares = [(rows[c.label], c.probability) for c in known.candidates if c.label in rows]
        total = sum(share for _, share in shares)
        return sum(of_labels[row] * share for row, share in shares) / total if total else None

    def likeness(known: MapObject) -> float | None:
        vector = vector_for(known.embeddings, vocabulary)
        by_model = None if vector is None else float(vector @ meant)
        found = [cosine for cosine in (by_model, of_names(known)) if cosine is not None]
        return float(np.mean(found)) if found else None

    return [likeness(known) for known in objects]
