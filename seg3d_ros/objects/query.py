"""Queries: ranking of the known objects against a description."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from seg3d_ros.errors import InputError
from seg3d_ros.objects.areas import find_area
from seg3d_ros.objects.free_text import text_likeness
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.negation import refuse_negation
from seg3d_ros.objects.places import Place, PlaceCondition, in_places
from seg3d_ros.objects.reading import (
    Reading,
    UnknownWordsError,
    World,
    names_of,
    place_of,
    read_phrase,
)
from seg3d_ros.text.labels import BACKGROUND, check_text, fold, is_latin
from seg3d_ros.text.phrases import Relation, parse_phrase
from seg3d_ros.text.vocabulary import Vocabulary

MAX_QUERY_LENGTH = 1000  # characters; more than any text encoder here reads


class NoEmbeddingsError(RuntimeError):
    """Free text was asked for, but nothing can be compared with text."""


@dataclass(frozen=True)
class Query:
    """Conditions that must all hold; an empty one always does.

    Attributes:
        text: a phrase with places (see `text.phrases`), whose words for places are all known; else
            free text without negations. Objects are ranked by how well they fit it.
        label: a label or any of its synonyms; case is ignored.
        ids: object ids.
        near: (x, y, z) in the map frame, metres, or None.
        radius: largest distance of an object's box from `near`, metres; 0: anywhere.
        max_results: length of the answer at most; 0: no limit.
        min_score: weaker matches are left out: cosine in [-1, 1] for text, else the score.
        places: relations that must hold.
        area: name of the area that an object's centroid must be in; empty: any.

    Raises:
        InputError: a condition makes no sense; the message names it.
    """

    text: str = ""
    label: str = ""
    ids: tuple[int, ...] = ()
    near: tuple[float, float, float] | None = None
    radius: float = 0.0
    max_results: int = 0
    min_score: float = 0.0
    places: tuple[PlaceCondition, ...] = ()
    area: str = ""

    def __post_init__(self) -> None:
        for name in ("text", "label", "area"):
            if getattr(self, name):
                check_text(getattr(self, name), f"the query's {name}", max_length=MAX_QUERY_LENGTH)
        if parse_phrase(self.text) is None:
            refuse_negation(self.text)
        if self.near is not None and not all(map(math.isfinite, self.near)):
            raise InputError(f"near is {self.near}; give three finite numbers in metres")
        if not 0 <= self.radius < math.inf:
            raise InputError(f"radius is {self.radius}; it must be 0 or more metres")
        if self.radius > 0 and self.near is None:
            raise InputError(f"radius is {self.radius} around no point; give near as well")
        if self.max_results < 0:
            raise InputError(f"max_results is {self.max_results}; it must be 0 or more")
        if not -1 <= self.min_score <= 1:
            raise InputError(f"min_score is {self.min_score}; it must lie in -1..1")


class Match(NamedTuple):
    """An object that fits.

    Attributes:
        object: which.
        score: that `min_score` was compared with.
        reason: sentence about its place; empty where none was asked for.
    """

    object: MapObject
    score: float
    reason: str = ""


class Matches(list[Match]):
    """Objects that fit a query, best first.

    Attributes:
        total: how many fit, those beyond `max_results` too.
    """

    def __init__(self, found: Iterable[Match] = (), *, total: int | None = None) -> None:
        super().__init__(found)
        self.total = len(self) if total is None else total


class QueryResult(NamedTuple):
    """Answer to a query.

    Attributes:
        matches: the objects that fit, best first.
        remarks: sentences about how a phrase was read, and about words of the query that no
            object can have, or that mean nothing.
    """

    matches: Matches
    remarks: list[str]

    @property
    def summary(self) -> str:
        """Number of objects that fit, and the remarks, in one line."""
        return "; ".join([f"{self.matches.total} objects", *self.remarks])


def answer_query(query: Query, world: World) -> QueryResult:
    """Find the objects that fit a query, its phrase read word by word where that is possible.

    They come by the distance that a place asks for, else as in `run_query`, which see for errors.

    Raises:
        InputError: the text holds a negation that is no part of a place, or counts what has no
            name here; or a condition names unknown objects or areas.
        UnknownObjectError: the text names an object by an id that none has.
    """
    reading, remarks = _read(query, world)
    places = [place_of(condition, world) for condition in query.places]
    if query.area:
        places.append(_in_area(query.area, world))
    things, plain = world.objects, query
    if reading is not None:
        remarks = [reading.sentence, *reading.remarks]
        things, plain = reading.things, replace(query, text=reading.text)
        places += reading.places
    matches = run_query(things, replace(plain, max_results=0), world.vocabulary)
    if places:
        matches = _placed(matches, places, world)
    remarks += query_remarks(things, plain, world.vocabulary)
    best = Matches(matches[: query.max_results or None], total=len(matches))
    return QueryResult(best, remarks)


def _read(query: Query, world: World) -> tuple[Reading | None, list[str]]:
    """Reading of a query's text, and remarks; None: it is left to the text encoder."""
    phrase = parse_phrase(query.text)
    if phrase is None or world.label_of(query.text) is not None:
        return None, []
    try:
        reading = read_phrase(phrase, world)
        refuse_negation(reading.text)
        return reading, []
    except UnknownWordsError as unknown:
        if phrase.counted:
            raise InputError(
                f"{str(unknown)!r} is no label, area or object here, so that nothing is counted"
            ) from unknown
        refuse_negation(query.text)
        return None, [f"{str(unknown)!r} is no known name: the text is taken as a whole"]


def _in_area(name: str, world: World) -> Place:
    area = find_area(world.areas, name)
    if area is None:
        known = ", ".join(area.name for area in world.areas) or "none"
        raise InputError(f"there is no area {name!r}; those of the map: {known}")
    return Place(Relation.IN, (), area.name, areas=(area,))


def _placed(matches: Sequence[Match], places: Sequence[Place], world: World) -> list[Match]:
    """Matches that meet conditions on their places, in the order that these give, if any."""
    scores = {match.object.id: match.score for match in matches}
    placed = in_places((match.object for match in matches), places, world.shapes)
    placed.sort(key=lambda one: one.rank)  # stable: without ranks their order is kept
    return [Match(one.object, scores[one.object.id], "; ".join(one.reasons)) for one in placed]


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
        matches = _by_text(objects, query.text, vocabulary)
    labels = names_of(query.label, vocabulary)
    fitting = [
        match
        for match in matches
        if match.score >= query.min_score and _fits(match.object, query, labels)
    ]
    if query.text:
        fitting.sort(key=lambda match: -match.score)
    elif query.near is not None:
        near = np.array(query.near)
        fitting.sort(key=lambda match: match.object.box.distance(near))
    else:
        fitting.sort(key=lambda match: -match.score)
    return fitting[: query.max_results or None]


def query_remarks(
    objects: Sequence[MapObject], query: Query, vocabulary: Vocabulary | None
) -> list[str]:
    """Reasons in the words of a query why its answer may be empty or chance, as sentences."""
    remarks = []
    if query.label:
        labels = names_of(query.label, vocabulary)
        if not any(fold(found.label) in labels for found in objects):
            remarks += _why_unnamed(query.label, vocabulary)
    encoder = vocabulary.encoder if vocabulary else None
    if query.text and encoder is not None and encoder.latin_only and not is_latin(query.text):
        remarks.append(
            f"{query.text!r} is in a script that {encoder.name} does not know: the order of the "
            "answer is chance; ask in English"
        )
    return remarks


def _why_unnamed(label: str, vocabulary: Vocabulary | None) -> list[str]:
    if vocabulary is None or vocabulary.encoder is None:
        return ["the model gives no embeddings: only clicks with a name name an object"]
    known = vocabulary.find(label)
    if known is None:
        return [f"{label!r} is not in vocabulary {vocabulary.version}"]
    if known.background:
        return [f"{label!r} is shown as {BACKGROUND!r} in vocabulary {vocabulary.version}"]
    return []


def _fits(found: MapObject, query: Query, labels: set[str]) -> bool:
    if query.ids and found.id not in query.ids:
        return False
    if query.label and fold(found.label) not in labels:
        return False
    if query.near is not None and query.radius > 0:
        return found.box.distance(np.array(query.near)) <= query.radius
    return True


def _by_text(
    objects: Sequence[MapObject], text: str, vocabulary: Vocabulary | None
) -> list[Match]:
    """The objects that can be compared with a text, with their likeness."""
    if vocabulary is None or vocabulary.encoder is None:
        raise NoEmbeddingsError(
            "free text needs a model whose objects have embeddings, and a vocabulary with its "
            "text encoder; ask for a label, an id or a region, or load such a model"
        )
    if not objects:
        return []
    text = check_text(text, "text", max_length=MAX_QUERY_LENGTH)
    found = zip(objects, text_likeness(objects, text, vocabulary), strict=True)
    matches = [Match(known, likeness) for known, likeness in found if likeness is not None]
    if not matches:
        raise NoEmbeddingsError(
            f"none of the {len(objects)} objects has a name or an embedding of the text encoder "
            f"{vocabulary.encoder.name}; ask for a label, an id or a region, or segment with a "
            "model that gives embeddings"
        )
    return matches
