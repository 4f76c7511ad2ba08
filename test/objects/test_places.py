"""Queries about places: phrases, conditions, areas, counts."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from support.furnished_blocks import ORIGIN, ROOM, furnished
from support.word_vectors import WordVectors

from seg3d_ros.errors import InputError
from seg3d_ros.objects.areas import Area, pack_areas, unpack_areas, with_area
from seg3d_ros.objects.embedding import Embedding
from seg3d_ros.objects.ids import UnknownObjectError
from seg3d_ros.objects.places import PlaceCondition
from seg3d_ros.objects.query import NoEmbeddingsError, Query, QueryResult, answer_query
from seg3d_ros.objects.reading import World
from seg3d_ros.objects.relations import Shapes
from seg3d_ros.text.phrases import Relation
from seg3d_ros.text.vocabulary import Candidate, Vocabulary

DESK = (Candidate("table", 0.5), Candidate("desk", 0.3))
WEST = Area("West wing", np.array([(0, 0), (2.5, 0), (2.5, 4), (0, 4)]) + ORIGIN[:2])


@pytest.fixture(scope="module")
def world() -> World:
    return World(furnished().confirmed(), None, (WEST,), Shapes())


def ask(world: World, text: str = "", **conditions) -> QueryResult:
    return answer_query(Query(text=text, **conditions), world)


def labels(result: QueryResult) -> list[str]:
    return [match.object.label for match in result.matches]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the cup on the table", {"cup"}),
        (
            "things on the floor",
            {"table", "chair", "armchair", "stool", "bin", "rug", "door", "wall"},
        ),
        ("everything in the bin", {"ball"}),
        ("what is under the table?", {"chair", "floor"}),
        ("where is the picture on the wall", {"picture"}),
        ("stools next to the table", set()),
        ("things in the west wing", {"door", "stool", "rug", "chair"}),
        ("the ball in the bin on the floor", {"ball"}),
        ("things on the floor and within 60 cm of the rug", {"chair"}),
        ("bins not next to the table", {"bin"}),
        ("chairs not next to the table", set()),
    ],
)
def test_phrases_are_filters(world: World, text: str, expected: set[str]) -> None:
    result = ask(world, text)
    assert set(labels(result)) == expected
    assert result.matches.total == len(expected)
    assert result.remarks[0].startswith("read as ")


def test_superlatives_rank_and_give_their_distances(world: World) -> None:
    nearest = ask(world, "the thing nearest the door", ids=_ids(world, "stool", "table", "bin"))
    assert labels(nearest) == ["stool", "table", "bin"]
    assert nearest.matches[0].reason.endswith("(door)")
    farthest = ask(world, "the thing farthest from the door", max_results=1)
    assert labels(farthest) == ["wall"] and farthest.matches.total == len(world.objects) - 1


def test_the_nearest_anchor_is_one(world: World) -> None:
    result = ask(world, "things within 10 cm of the chair nearest to the door")
    assert "table" in labels(result) and "armchair" not in labels(result)


def test_reasons_name_what_was_measured(world: World) -> None:
    (match,) = ask(world, "the cup on the table").matches
    assert match.reason == f"5 cm over the surface of object {_ids(world, 'table')[0]} (table)"
    (match,) = ask(world, "bins not next to the table").matches
    assert match.reason.startswith("not next to table")


def test_counts_are_of_all(world: World) -> None:
    result = ask(world, "how many things are on the floor?", max_results=2)
    assert (len(result.matches), result.matches.total) == (2, 8)
    assert ask(world, "how many chairs are there").matches.total == 1


def test_unknown_words_are_left_to_the_encoder(world: World) -> None:
    with pytest.raises(NoEmbeddingsError):
        ask(world, "the cup on the moon")
    with pytest.raises(InputError, match="negation"):
        ask(world, "cups not on the moon")
    with pytest.raises(NoEmbeddingsError):  # the place is known, but not what is sought
        ask(world, "something to drink from on the table")
    for counted in ("how many unicorns are there", "how many cups are on the moon"):
        with pytest.raises(InputError, match="nothing is counted"):
            ask(world, counted)
    with pytest.raises(UnknownObjectError, match="4000"):
        ask(world, "the cup near object 4000")


def test_a_label_with_a_relation_in_it_is_a_label(world_with_vectors: World) -> None:
    words = Vocabulary(["table", "mug on the table"], encoder=WordVectors())
    named = World(world_with_vectors.objects, words, (), Shapes())
    result = ask(named, "mug on the table", min_score=-1)
    assert len(result.matches) == 2 and not result.remarks


def test_words_that_nothing_has_are_told(world: World) -> None:
    words = World(world.objects, Vocabulary(["sofa", "cup"]), (), Shapes())
    result = ask(words, "cups near the sofa")
    assert labels(result) == [] and "there is no sofa" in result.remarks
    assert labels(ask(words, "cups not near the sofa")) == ["cup"]
    sofas = ask(words, "sofas on the floor")
    assert labels(sofas) == [] and "no object is called 'sofas'" not in sofas.remarks
    assert any("is called 'sofa'" in remark for remark in sofas.remarks)


def test_what_may_be_meant_is_told(world: World) -> None:
    """A table that may be a desk stands for it where nothing is called so."""
    table = _ids(world, "table")[0]
    maybe = tuple(
        dataclasses.replace(known, pinned_label=None, candidates=DESK)
        if known.id == table
        else known
        for known in world.objects
    )
    words = World(maybe, Vocabulary(["table", "desk", "sofa"]), (), Shapes())
    result = ask(words, "the cup on the desk")
    assert labels(result) == ["cup"]
    assert f"no object is called 'desk', but object {table} (table) may be one" in result.remarks
    assert "there is no sofa" in ask(words, "the cup on the sofa").remarks


def test_what_is_sought_may_be_free_text(world_with_vectors: World) -> None:
    result = ask(world_with_vectors, "mug on the table", min_score=-1)
    assert labels(result)[0] == "cup"
    assert "'mug' on table" in result.remarks[0]
    plain = ask(world_with_vectors, "mug on the moon", min_score=-1)
    assert "'moon' is no known name" in plain.remarks[0]
    assert len(plain.matches) == 2


@pytest.fixture
def world_with_vectors() -> World:
    encoder = WordVectors()
    found = furnished(**{name: ROOM[name] for name in ("table", "cup")}).confirmed()
    words = {"table": "table", "cup": "mug"}
    vectors = encoder.encode([words[known.label] for known in found])
    found = tuple(
        dataclasses.replace(known, embeddings={encoder.name: Embedding(vector, 1.0)})
        for known, vector in zip(found, vectors, strict=True)
    )
    return World(found, Vocabulary(["table"], encoder=encoder), (), Shapes())


def test_conditions_of_requests(world: World) -> None:
    table, door, wall = _ids(world, "table", "door", "wall")
    on = PlaceCondition(Relation.ON, ids=(table,))
    assert labels(ask(world, places=(on,))) == ["cup"]
    assert labels(ask(world, places=(PlaceCondition(Relation.IN, label="Bin"),))) == ["ball"]
    between = PlaceCondition(Relation.BETWEEN, ids=(door, wall))
    assert "table" in labels(ask(world, places=(between,)))
    assert set(labels(ask(world, area="west wing", label="stool"))) == {"stool"}


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"places": (PlaceCondition(Relation.ON, ids=(4000,)),)}, "4000"),
        ({"places": (PlaceCondition(Relation.BETWEEN, ids=(1,)),)}, "two"),
        ({"area": "attic"}, "those of the map: West wing"),
    ],
)
def test_conditions_on_what_is_not_there(world: World, conditions, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ask(world, **conditions)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"ids": (1,), "label": "cup"},
        {"ids": (1,), "distance": -1.0},
        {"ids": (1,), "distance": float("nan")},
    ],
)
def test_conditions_without_sense(fields) -> None:
    with pytest.raises(InputError):
        PlaceCondition(Relation.NEAR, **fields)
    with pytest.raises(InputError, match="negation"):
        PlaceCondition(Relation.NEAREST, ids=(1,), negated=True)


def test_areas_hold_what_is_inside_of_any_polygon() -> None:
    shape_of_l = Area("L", np.array([(0.0, 0), (4, 0), (4, 1), (1, 1), (1, 3), (0, 3)]))
    places = np.array([(0.5, 2.5), (3.5, 0.5), (2.0, 2.0), (-1.0, 0.5), (5.0, 0.5)])
    assert [shape_of_l.holds(place) for place in places] == [True, True, False, False, False]


def test_areas_survive_a_file_and_damaged_ones_are_told() -> None:
    areas = with_area((WEST,), Area("attic", np.eye(3)[:, :2]))
    back = unpack_areas(pack_areas(areas))
    assert [area.name for area in back] == ["attic", "West wing"]
    np.testing.assert_array_equal(back[1].corners, WEST.corners)
    assert unpack_areas({}) == ()
    for damage in ({"area_length": np.array([3, 9])}, {"area_corners": np.full((7, 2), np.nan)}):
        with pytest.raises(InputError):
            unpack_areas({**pack_areas(areas), **damage})


@pytest.mark.parametrize(
    "corners", [[(0, 0), (1, 1)], [(0, 0), (1, 1), (2, 2)], [(0, 0), (1, 0), (0, np.inf)]]
)
def test_areas_without_an_inside(corners) -> None:
    with pytest.raises(InputError, match="area 'x'"):
        Area("x", np.array(corners, np.float64))


def _ids(world: World, *names: str) -> tuple[int, ...]:
    by_name = {known.label: known.id for known in world.objects}
    return tuple(by_name[name] for name in names)
