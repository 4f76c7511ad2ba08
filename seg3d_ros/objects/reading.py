"""Reading of queries: their phrases and conditions with the objects that they speak of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from seg3d_ros.errors import InputError
from seg3d_ros.objects.areas import Area, find_area
from seg3d_ros.objects.embedding import vector_for
from seg3d_ros.objects.ids import UnknownObjectError
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.places import Place, PlaceCondition, in_places, nearest_only
from seg3d_ros.objects.relations import Shapes
from seg3d_ros.text.labels import fold
from seg3d_ros.text.phrases import Phrase, Relation, Thing, object_number, singular_forms
from seg3d_ros.text.phrases import Place as PlaceWords
from seg3d_ros.text.vocabulary import Vocabulary

_LIKELY, _MOST_LIKELY = 0.1, 3  # probability and number of objects that may be meant


def names_of(label: str, vocabulary: Vocabulary | None) -> set[str]:
    """Folded names that objects with a label may have."""
    names = {fold(label)}
    known = vocabulary.find(label) if vocabulary else None
    # An object shown as background may be of any background label, not just of this one.
    if known is not None and not known.background:
        names.update(map(fold, known.words))
    return names


class UnknownWordsError(Exception):
    """Words of a phrase that stand for no label, object or area."""


@dataclass(frozen=True, eq=False)
class World:
    """Objects, words and areas that queries speak of.

    Attributes:
        objects: known ones.
        vocabulary: words in force, or None.
        areas: named ones.
        shapes: of the objects.
    """

    objects: Sequence[MapObject]
    vocabulary: Vocabulary | None
    areas: Sequence[Area]
    shapes: Shapes

    @property
    def can_rank(self) -> bool:
        """Whether an object has an embedding that texts can be compared with."""
        return any(
            vector_for(known.embeddings, self.vocabulary) is not None for known in self.objects
        )

    @cached_property
    def _shown(self) -> frozenset[str]:
        return frozenset(fold(known.label) for known in self.objects)

    def named(self, label: str) -> tuple[MapObject, ...]:
        """Objects with a label or one of its synonyms."""
        names = names_of(label, self.vocabulary)
        return tuple(known for known in self.objects if fold(known.label) in names)

    def likely(self, label: str) -> tuple[MapObject, ...]:
        """Objects that may have a label by their candidates, the likeliest first; a few."""
        names = names_of(label, self.vocabulary)
        found = [
            (candidate.probability, known)
            for known in self.objects
            if known.pinned_label is None
            for candidate in known.candidates
            if fold(candidate.label) in names and candidate.probability >= _LIKELY
        ]
        found.sort(key=lambda entry: -entry[0])
        return tuple(known for _, known in found[:_MOST_LIKELY])

    def label_of(self, words: str) -> str | None:
        """Label that words mean, in the singular or plural; None: they mean none."""
        for form in singular_forms(words):
            known = self.vocabulary.find(form) if self.vocabulary else None
            if fold(form) in self._shown or (known is not None and not known.background):
                return form
        return None


@dataclass(frozen=True, eq=False)
class Reading:
    """Meaning of a phrase.

    Attributes:
        things: objects that it may mean, if its places hold.
        text: to rank them by; empty: none.
        places: conditions.
        sentence: the reading in words.
        remarks: sentences about words that no object has.
    """

    things: tuple[MapObject, ...]
    text: str
    places: tuple[Place, ...]
    sentence: str
    remarks: tuple[str, ...] = ()


def read_phrase(phrase: Phrase, world: World) -> Reading:
    """Find the objects that a phrase speaks of.

    Raises:
        UnknownWordsError: it has words that are no label, object or area.
        UnknownObjectError: it names an id that no object has.
    """
    told: list[str] = []
    places = tuple(_place(place, world, told) for place in phrase.thing.places)
    remarks = tuple(dict.fromkeys(told))
    words, things, text = phrase.thing.words, tuple(world.objects), ""
    label = world.label_of(words) if words else None
    if label is not None:
        things = world.named(label)
    elif words and phrase.counted:
        raise UnknownWordsError(words)
    elif words:
        text = words
    if label is not None and not things and not phrase.counted:
        remarks += (f"no object is called {label!r}",)
        if world.can_rank:
            things, text = tuple(world.objects), words
            remarks += ("what is there is ranked by how well it fits the words",)
    where = " and ".join(place.sentence() for place in places)
    sentence = f"{repr(words) if words else 'anything'} {where}".strip()
    return Reading(things, text, places, f"read as {sentence}", remarks)


def place_of(condition: PlaceCondition, world: World) -> Place:
    """Condition of a request with the objects that it speaks of.

    Raises:
        InputError: an id is unknown, or `BETWEEN` has not two anchors.
    """
    between = condition.relation is Relation.BETWEEN
    if condition.label:
        anchors: tuple[tuple[MapObject, ...], ...] = (world.named(condition.label),)
        words = condition.label
    else:
        by_id = {known.id: known for known in world.objects}
        missing = [number for number in condition.ids if number not in by_id]
        if missing:
            raise InputError(f"no object has id {missing[0]}, which a relation names")
        found = tuple(by_id[number] for number in condition.ids)
        if between and len(found) != 2:
            raise InputError(f"{len(found)} ids given; between takes two")
        anchors = ((found[0],), (found[1],)) if between else (found,)
        words = "the given ones"
    return Place(condition.relation, anchors, words, condition.negated, condition.distance)


def _place(place: PlaceWords, world: World, told: list[str]) -> Place:
    """Condition of a phrase; remarks on its words are added to `told`."""
    areas = [find_area(world.areas, anchor.words) for anchor in place.anchors]
    inside = tuple(area for area in areas if area is not None and place.relation is Relation.IN)
    anchors = () if inside else tuple(_anchors(anchor, world, told) for anchor in place.anchors)
    words = " and ".join(anchor.words for anchor in place.anchors)
    return Place(place.relation, anchors, words, place.negated, place.distance, inside)


def _anchors(thing: Thing, world: World, told: list[str]) -> tuple[MapObject, ...]:
    """Objects that a thing of a phrase may be.

    Raises:
        UnknownWordsError: its words mean nothing here.
        UnknownObjectError: they name an id that no object has.
    """
    number, label = object_number(thing.words), world.label_of(thing.words)
    if number is not None:
        found = tuple(known for known in world.objects if known.id == number)
        if not found:
            raise UnknownObjectError.of(number, len(world.objects))
    elif label is not None:
        called = world.named(label)
        found = called or world.likely(label)
        if not found:
            told.append(f"there is no {label}")
        elif not called:
            taken = ", ".join(f"object {known.id} ({known.label})" for known in found)
            told.append(f"no object is called {label!r}, but {taken} may be one")
    else:
        raise UnknownWordsError(thing.words)
    places = tuple(_place(place, world, told) for place in thing.places)
    if not places:
        return found
    return tuple(
        placed.object for placed in nearest_only(in_places(found, places, world.shapes), places)
    )
