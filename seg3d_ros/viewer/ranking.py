"""List of objects: which are in it, and their order by a search text or by a property."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.query import Match, Matches, NoEmbeddingsError, Query, QueryResult
from seg3d_ros.text.known_words import STRUCTURE
from seg3d_ros.text.labels import fold

BY_MATCH = "best match"
ORDERS: dict[str, Callable[[MapObject], Any]] = {
    BY_MATCH: lambda known: -known.score,
    "name": lambda known: (fold(known.label), known.id),
    "number": lambda known: known.id,
    "size": lambda known: -len(known),
    "last seen": lambda known: -known.last_seen_ns,
}

ALL = "all"
FILTERS: dict[str, Callable[[MapObject], bool]] = {
    ALL: lambda known: True,
    "things": lambda known: not _is_structure(known),
    "floor, walls, ceiling": lambda known: _is_structure(known),
    "changed by hand": lambda known: known.by_hand,
    "not seen since loaded": lambda known: known.restored,
}


def _is_structure(known: MapObject) -> bool:
    return fold(known.label) in STRUCTURE


def ranked(
    objects: Sequence[MapObject],
    text: str,
    order: str,
    query: Callable[[Query], QueryResult],
) -> QueryResult:
    """Objects in one of ORDERS; with a text those whose name has it, then those that fit it.

    Args:
        objects: all of them.
        text: searched for; empty: all objects are listed.
        order: in which they are listed; by match where there is a text, its fit decides.
        query: ranks by text; where it cannot, only names are searched.

    Raises:
        ValueError: the text is no query.
    """
    if not text:
        return _sorted([Match(known, known.score) for known in objects], order)
    named = [known for known in objects if fold(text) in fold(known.label)]
    try:
        fitting, remarks = query(Query(text=text, min_score=-1.0))
    except NoEmbeddingsError:
        return _sorted([Match(known, known.score) for known in named], order)
    if order != BY_MATCH:
        return _sorted(fitting, order, remarks)
    first = {known.id for known in named}
    fitting.sort(key=lambda match: match.object.id not in first)  # stable: the best come first
    return QueryResult(fitting, remarks)


def _sorted(matches: list[Match], order: str, remarks: Sequence[str] = ()) -> QueryResult:
    ordered = sorted(matches, key=lambda match: ORDERS[order](match.object))
    return QueryResult(Matches(ordered), list(remarks))
