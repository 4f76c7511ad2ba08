"""Places of objects as conditions: in which relation to which others, in which area."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from seg3d_ros.errors import InputError
from seg3d_ros.objects.areas import Area
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.relations import Evidence, Shapes, relation_evidence
from seg3d_ros.text.phrases import ORDERS, Relation

_MAX_PAIRS = 500  # of anchors of `BETWEEN`
_RANKED = (*ORDERS, Relation.NEAR, Relation.BESIDE)  # those whose distance ranks


@dataclass(frozen=True)
class PlaceCondition:
    """Relation that an object must be in.

    Attributes:
        relation: which.
        ids: of the objects that it is seen from, each of which serves; two for `BETWEEN`.
        label: of such objects, in place of ids.
        negated: it must hold for none of them.
        distance: largest one of `NEAR`, metres; 0: the usual one.

    Raises:
        InputError: there are no anchors, or the condition makes no sense.
    """

    relation: Relation
    ids: tuple[int, ...] = ()
    label: str = ""
    negated: bool = False
    distance: float = 0.0

    def __post_init__(self) -> None:
        if bool(self.ids) == bool(self.label):
            raise InputError(f"the relation {self.relation.value!r} needs either ids or a label")
        if not 0 <= self.distance < float("inf"):
            raise InputError(f"distance is {self.distance}; it must be 0 or more metres")
        if self.negated and self.relation in ORDERS:
            raise InputError(f"not {self.relation.value!r} is no place; leave out the negation")


@dataclass(frozen=True, eq=False)
class Place:
    """Condition with the objects and areas that it speaks of.

    Attributes:
        relation: which.
        anchors: for each of the things that it speaks of the objects that may be it.
        words: for these things.
        negated: it must hold for none of them.
        distance: largest one of `NEAR`, metres; 0: the usual one.
        areas: that an object may be in, too.
    """

    relation: Relation
    anchors: tuple[tuple[MapObject, ...], ...]
    words: str
    negated: bool = False
    distance: float = 0.0
    areas: tuple[Area, ...] = ()

    def sentence(self) -> str:
        """The condition in words, with the ids of its objects."""
        ids = [known.id for choice in self.anchors for known in choice]
        which = f" (object {', '.join(map(str, ids[:5]))}{', …' * (len(ids) > 5)})" if ids else ""
        within = f" within {self.distance:g} m of" if self.distance else f" {self.relation.value}"
        return f"{'not' * self.negated}{within} {self.words}{which}".strip()


class Placed(NamedTuple):
    """Object that meets conditions.

    Attributes:
        object: which.
        rank: to order by, smaller is better; empty: the conditions give no order.
        reasons: sentences.
    """

    object: MapObject
    rank: tuple[float, ...]
    reasons: tuple[str, ...]


def in_places(
    things: Iterable[MapObject], places: Sequence[Place], shapes: Shapes
) -> list[Placed]:
    """Things that meet all conditions, in the order they came in."""
    placed = []
    for thing in things:
        found = [_placed(thing, place, shapes) for place in places]
        if all(found):
            fitting = [evidence for evidence in found if evidence is not None]
            ranks = tuple(
                evidence.distance
                for place, evidence in zip(places, fitting, strict=True)
                if place.relation in _RANKED and not place.negated
            )
            reasons = tuple(evidence.reason for evidence in fitting)
            placed.append(Placed(thing, ranks, reasons))
    return placed


def nearest_only(placed: Sequence[Placed], places: Sequence[Place]) -> list[Placed]:
    """The best one, where a condition asks for the nearest or farthest; else all."""
    if not placed or not any(place.relation in ORDERS for place in places):
        return list(placed)
    return [min(placed, key=lambda one: one.rank)]


def _placed(thing: MapObject, place: Place, shapes: Shapes) -> Evidence | None:
    """Evidence that a thing meets a condition, with the whole reason; None: it does not."""
    found = _positive(thing, place, shapes)
    if place.negated:
        return None if found else Evidence(0.0, place.sentence())
    return found


def _positive(thing: MapObject, place: Place, shapes: Shapes) -> Evidence | None:
    for area in place.areas:
        if area.holds(thing.centroid):
            return Evidence(0.0, f"in the area {area.name}")
    best: Evidence | None = None
    for anchors in _choices(thing, place):
        found = relation_evidence(
            place.relation,
            shapes.of(thing),
            [shapes.of(anchor) for anchor in anchors],
            place.distance,
        )
        # The farthest from the door is far from the door that is nearest to it.
        if found and (best is None or abs(found.distance) < abs(best.distance)):
            named = " and ".join(f"object {known.id} ({known.label})" for known in anchors)
            best = Evidence(found.distance, f"{found.reason} {named}")
    return best


def _choices(thing: MapObject, place: Place) -> Iterable[tuple[MapObject, ...]]:
    """Anchors of a thing: each one, or each pair for `BETWEEN`."""
    others = [[known for known in choice if known.id != thing.id] for choice in place.anchors]
    if place.relation is not Relation.BETWEEN:
        return itertools.product(*others) if others else ()
    pairs: Iterable[tuple[MapObject, ...]] = (
        itertools.combinations(others[0], 2) if len(others) == 1 else itertools.product(*others)
    )
    return itertools.islice((pair for pair in pairs if pair[0] is not pair[-1]), _MAX_PAIRS)
