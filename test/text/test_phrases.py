"""Phrases about places: what is read, and what is left to the text encoder."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg3d_ros.text.phrases import (
    Phrase,
    Place,
    Relation,
    Thing,
    object_number,
    parse_phrase,
    singular_forms,
)


def place(relation: Relation, *anchors: str, **options) -> Place:
    return Place(relation, tuple(map(Thing, anchors)), **options)


@pytest.mark.parametrize(
    ("text", "thing", "expected"),
    [
        ("the cup on the desk", "cup", place(Relation.ON, "desk")),
        ("The chair nearest the door", "chair", place(Relation.NEAREST, "door")),
        ("the nearest chair to the door", "chair", place(Relation.NEAREST, "door")),
        ("chair closest to door", "chair", place(Relation.NEAREST, "door")),
        ("chairs farthest from the window", "chairs", place(Relation.FARTHEST, "window")),
        ("chairs not next to the table", "chairs", place(Relation.BESIDE, "table", negated=True)),
        (
            "chairs that aren't next to a table",
            "chairs",
            place(Relation.BESIDE, "table", negated=True),
        ),
        ("everything under the bed", "", place(Relation.UNDER, "bed")),
        ("what is on top of the shelf?", "", place(Relation.ON, "shelf")),
        ("where is the book lying in the box", "book", place(Relation.IN, "box")),
        ("lamp above object 7", "lamp", place(Relation.ABOVE, "object 7")),
        ("bin within 1.5 m of the desk", "bin", place(Relation.NEAR, "desk", distance=1.5)),
        ("bin within 50 cm of the desk", "bin", place(Relation.NEAR, "desk", distance=0.5)),
        ("the lamp between the bed and the door", "lamp", place(Relation.BETWEEN, "bed", "door")),
        ("the lamp between two chairs", "lamp", place(Relation.BETWEEN, "chairs")),
        (
            "something to sit on near the window",
            "something to sit on",
            place(Relation.NEAR, "window"),
        ),
        ('the sign "keep out" on the wall', 'sign "keep out"', place(Relation.ON, "wall")),
    ],
)
def test_a_thing_and_its_place(text: str, thing: str, expected: Place) -> None:
    assert parse_phrase(text) == Phrase(Thing(thing, (expected,)))


def test_a_place_belongs_to_the_thing_before_it_and_after_and_to_the_first() -> None:
    nested = Place(Relation.ON, (Thing("table", (place(Relation.NEAR, "door"),)),))
    assert parse_phrase("the cup on the table near the door") == Phrase(Thing("cup", (nested,)))
    both = (place(Relation.ON, "table"), place(Relation.NEAR, "door", negated=True))
    assert parse_phrase("the cup on the table but not near the door") == Phrase(Thing("cup", both))


@pytest.mark.parametrize(
    "text",
    [
        "how many chairs are there",
        "How many chairs do you see?",
        "number of chairs",
        "count the chairs",
    ],
)
def test_a_count(text: str) -> None:
    assert parse_phrase(text) == Phrase(Thing("chairs"), counted=True)


def test_a_count_in_a_place() -> None:
    counted = parse_phrase("how many cups are on the table?")
    assert counted == Phrase(Thing("cups", (place(Relation.ON, "table"),)), counted=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "chair",
        "something to sit on",
        "the red one",
        "what can I sit on?",
        "something to put on the table",
        "things you can hang on the wall",
        'a sign that says "not on the table"',
        "on the table",
        "chairs not nearest the door",
        "not a chair",
        "a chair, not a sofa",
        " ".join(["word on"] * 30) + " table",
    ],
)
def test_other_texts_are_no_phrases(text: str) -> None:
    assert parse_phrase(text) is None


WORDS = (
    "the", "cup", "cups", "on", "in", "next", "to", "not", "and", "but", "between", "nearest",
    "farthest", "from", "within", "2", "m", "of", "is", "that", "object", "how", "many", ",", "'",
)  # fmt: skip


@given(st.lists(st.sampled_from(WORDS), max_size=12), st.text(max_size=20))
def test_any_words_are_a_phrase_or_none(words: list[str], rest: str) -> None:
    """A phrase has an anchor for each place, and two at most."""
    phrase = parse_phrase(" ".join([*words, rest]))
    waiting = [phrase.thing] if phrase else []
    while waiting:
        for found in waiting.pop().places:
            assert 1 <= len(found.anchors) <= 2 and all(thing.words for thing in found.anchors)
            waiting += found.anchors


def test_numbers_of_objects() -> None:
    assert object_number("object 12") == object_number("#12") == 12
    assert object_number("object") is None and object_number("12") is None


@pytest.mark.parametrize(
    ("plural", "singular"),
    [
        ("cups", "cup"),
        ("boxes", "box"),
        ("batteries", "battery"),
        ("bookshelves", "bookshelf"),
        ("coffee tables", "coffee table"),
        ("glass", "glass"),
        ("vases", "vase"),
    ],
)
def test_plurals(plural: str, singular: str) -> None:
    assert singular in singular_forms(plural)
