"""Queries: which known objects fit a description?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.text.vocabulary import Vocabulary, check_text

MAX_QUERY_LENGTH = 1000  # characters; more than any text encoder here reads


class NoEmbeddingsError(RuntimeError):
    """Free text was asked for, but nothing can be compared with text."""


@dataclass(frozen=True)
class Query:
    """Conditions that must all hold; an empty one always does.

    Attributes:
        text: free text; objects are ranked by how well they fit it.
        label: exact label, its case is ignored.
        ids: object ids.
        near: (x, y, z) in the map frame, metres, or None.
        radius: largest distance of an object's box from `near`, metres; 0: anywhere.
        max_results: length of the answer at most; 0: no limit.
        min_score: weaker matches are left out: cosine in [-1, 1] for text, else the score.

    Raises:
        ValueError: a condition makes no sense; the message names it.
    """

    text: str = ""
    label: str = ""
    ids: tuple[int, ...] = ()
    near: tuple[float, float, float] | None = None
    radius: float = 0.0
    max_results: int = 0
    min_score: float = 0.0

    def __post_init__(self) -> None:
        for name in ("text", "label"):
            if getattr(self, name):
                check_text(getattr(self, name), f"the query's {name}", max_length=MAX_QUERY_LENGTH)
        if self.near is not None and not all(map(math.isfinite, self.near)):
            raise ValueError(f"near is {self.near}; give three finite numbers in metres")
        if not 0 <= self.radius < math.inf:
            raise ValueError(f"radius is {self.radius}; it must be 0 or more metres")
        if self.radius > 0 and self.near is None:
            raise ValueError(f"radius is {self.radius} around no point; give near as well")
        if self.max_results < 0:
            raise ValueError(f"max_results is {self.max_results}; it must be 0 or more")
        if not -1 <= self.min_score <= 1:
            raise ValueError(f"min_score is {self.min_score}; it must lie in -1..1")


class Match(NamedTuple):
    """An object that fits, and the score that `min_score` was compared with."""

    object: MapObject
    score: float


def run_query(
    objects: Sequence[MapObject], query: Query, vocabulary: Vocabulary | None
) -> list[Match]:
    """Find the objects that fit, best first: by text, else by distance, else by score.

    Args:
        objects: to choose from.
        query: conditions.
        vocabulary: its encoder embeds the free text; not needed for anything else.

    Raises:
        NoEmbeddingsError: the query has free text, and no object or no encoder for it is there.
    """
    matches = [Match(found, found.score) for found in objects]
    if query.text:
        matches = _by_text(objects, query.text.strip(), vocabulary)
    fitting = [
        match for match in matches if match.score >= query.min_score and _fits(match.object, query)
    ]
    if query.text:
        fitting.sort(key=lambda match: -match.score)
    elif query.near is not None:
        near = np.array(query.near)
        fitting.sort(key=lambda match: match.object.box.distance(near))
    else:
        fitting.sort(key=lambda match: -match.score)
    return fitting[: query.max_results or None]


def _fits(found: MapObject, query: Query) -> bool:
    if query.ids and found.id not in query.ids:
        return False
    if query.label and found.label.casefold() != query.label.strip().casefold():
        return False
    if query.near is not None and query.radius > 0:
        return found.box.distance(np.array(query.near)) <= query.radius
    return True


def _by_text(
    objects: Sequence[MapObject], text: str, vocabulary: Vocabulary | None
) -> list[Match]:
    """The objects that have embeddings of the vocabulary's encoder, with their cosine."""
    if vocabulary is None or vocabulary.encoder is None:
        raise NoEmbeddingsError(
            "free text needs a model whose objects have embeddings, and a vocabulary with its "
            "text encoder; ask for a label, an id or a region, or load such a model"
        )
    if not objects:
        return []
    embedded = [(found, e) for found in objects if (e := found.embedding) is not None]
    fitting = [(found, e) for found, e in embedded if vocabulary.can_classify(len(e))]
    if not fitting:
        raise NoEmbeddingsError(
            f"none of the {len(objects)} objects has an embedding of the text encoder "
            f"{vocabulary.encoder.name}; ask for a label, an id or a region, or segment with a "
            "model that gives embeddings"
        )
    cosines = np.stack([e for _, e in fitting]) @ vocabulary.embed_text(text)
    return [
        Match(found, cosine) for (found, _), cosine in zip(fitting, cosines.tolist(), strict=True)
    ]
