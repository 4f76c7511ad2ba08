"""Queries: conditions, ranking, and what to do without embeddings."""

import numpy as np
import pytest

from seg3d_ros.objects.object_map import ObjectMap, TrackingSettings
from seg3d_ros.objects.query import NoEmbeddingsError, Query, query_remarks, run_query
from seg3d_ros.text.vocabulary import Vocabulary

WORDS = ["mug", "lamp", "chair"]


@pytest.fixture
def objects(world, encoder) -> tuple:
    """A mug, a lamp and a chair, 1 m apart along x, scores 0.9, 0.7, 0.5."""
    made = ObjectMap(TrackingSettings(confirm_views=1, confirm_score=0.4))
    parts = [world.block(20 * i) for i in range(3)]
    scene = world.scene(*parts)
    embeddings = encoder.encode(WORDS)
    made.update(
        scene, world.instances(scene, *parts, scores=[0.9, 0.7, 0.5], embeddings=embeddings)
    )
    made.relabel(Vocabulary(WORDS, encoder=encoder))
    return made.confirmed()


def labels(matches) -> list[str]:
    return [match.object.label for match in matches]


def test_without_conditions_all_come_by_score(objects) -> None:
    matches = run_query(objects, Query(), None)
    assert labels(matches) == WORDS
    assert [match.score for match in matches] == pytest.approx([0.9, 0.7, 0.5])
    assert labels(run_query(objects, Query(max_results=2), None)) == WORDS[:2]
    assert labels(run_query(objects, Query(min_score=0.6), None)) == WORDS[:2]


def test_label_ids_and_region_must_all_hold(objects) -> None:
    assert labels(run_query(objects, Query(label=" LAMP "), None)) == ["lamp"]
    ids = tuple(known.id for known in objects[1:])
    assert labels(run_query(objects, Query(ids=ids), None)) == ["lamp", "chair"]
    assert labels(run_query(objects, Query(ids=ids, label="mug"), None)) == []
    assert run_query(objects, Query(ids=(77,)), None) == []


def test_region_is_the_distance_to_the_box_and_ranks(objects) -> None:
    # Blocks are 0.3 m long from x = 0, 1, 2 m.
    near = (1.9, 0.1, 0.1)
    assert labels(run_query(objects, Query(near=near), None)) == ["chair", "lamp", "mug"]
    assert labels(run_query(objects, Query(near=near, radius=0.11), None)) == ["chair"]
    assert labels(run_query(objects, Query(near=near, radius=0.61), None)) == ["chair", "lamp"]
    assert labels(run_query(objects, Query(near=near, radius=0.59), None)) == ["chair"]


def test_text_ranks_by_cosine_and_still_obeys_the_rest(objects, encoder) -> None:
    vocabulary = Vocabulary(["anything"], encoder=encoder)
    matches = run_query(objects, Query(text="chair lamp", min_score=-1), vocabulary)
    assert set(labels(matches)[:2]) == {"chair", "lamp"}
    text = encoder.encode(["chair lamp"])[0]
    for match in matches:
        assert match.score == pytest.approx(
            float(match.object.embeddings[encoder.name].vector @ text), abs=1e-6
        )
    assert [m.score for m in matches] == sorted((m.score for m in matches), reverse=True)
    strict = Query(text="chair", min_score=0.9)
    assert labels(run_query(objects, strict, vocabulary)) == ["chair"]
    elsewhere = Query(text="chair", near=(0.0, 0.0, 0.0), radius=0.5, min_score=-1)
    assert labels(run_query(objects, elsewhere, vocabulary)) == ["mug"]


def test_text_without_embeddings_says_what_to_do(objects, encoder, world) -> None:
    bare = ObjectMap(TrackingSettings(confirm_views=1))
    scene = world.scene(world.block(0))
    bare.update(scene, world.instances(scene, world.block(0)))
    vocabulary = Vocabulary(["mug"], encoder=encoder)
    with pytest.raises(NoEmbeddingsError, match="ask for a label"):
        run_query(bare.confirmed(), Query(text="mug"), vocabulary)
    for lacking in (None, Vocabulary(["mug"])):
        with pytest.raises(NoEmbeddingsError, match="ask for a label"):
            run_query(objects, Query(text="mug"), lacking)
    assert run_query((), Query(text="mug"), vocabulary) == []


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({"text": "a\nb"}, "text"),
        ({"text": "x" * 1001}, "1001"),
        ({"label": "\x00"}, "label"),
        ({"near": (0.0, np.nan, 0.0)}, "near"),
        ({"near": (0.0, 0.0, 0.0), "radius": -1.0}, "radius"),
        ({"near": (0.0, 0.0, 0.0), "radius": np.nan}, "radius"),
        ({"radius": 1.0}, "near"),
        ({"max_results": -1}, "max_results"),
        ({"min_score": np.nan}, "min_score"),
        ({"min_score": 1.5}, "min_score"),
    ],
)
def test_conditions_without_sense_are_refused(condition: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Query(**condition)


def test_a_label_is_found_by_any_of_its_synonyms(objects, encoder) -> None:
    vocabulary = Vocabulary(["lamp|light|Lüster", "mug"], encoder=encoder)
    for asked in ("light", " LAMP", "Lu\u0308ster", "lamp|light|Lüster"):
        query = Query(label=asked)
        assert labels(run_query(objects, query, vocabulary)) == ["lamp"]
        assert query_remarks(objects, query, vocabulary) == []
    assert run_query(objects, Query(label="light"), None) == []


def test_a_label_that_nothing_can_have_is_told(objects, encoder) -> None:
    vocabulary = Vocabulary(["lamp", "sofa|couch", "-wall"], encoder=encoder, version=2)

    def remarks(label: str, words: Vocabulary | None = vocabulary) -> list[str]:
        assert run_query(objects, Query(label=label), words) == []
        return query_remarks(objects, Query(label=label), words)

    assert remarks("microwave") == ["'microwave' is not in vocabulary 2"]
    assert remarks("wall") == ["'wall' is shown as 'background' in vocabulary 2"]
    assert remarks("couch") == []  # looked for, and not there
    for no_names in (None, Vocabulary(["sofa"])):
        assert "gives no embeddings" in remarks("sofa", no_names)[0]
    # An object keeps the name that a click gave it, whatever the vocabulary says.
    assert query_remarks(objects, Query(label="chair"), vocabulary) == []


def test_text_in_a_script_that_the_encoder_lacks_is_told(objects, encoder) -> None:
    vocabulary = Vocabulary(["lamp"], encoder=encoder)
    (remark,) = query_remarks(objects, Query(text="椅子"), vocabulary)
    assert "script" in remark and "English" in remark
    assert query_remarks(objects, Query(text="un café"), vocabulary) == []
    encoder.latin_only = False
    assert query_remarks(objects, Query(text="椅子"), vocabulary) == []


@pytest.mark.parametrize(
    "text",
    [
        "not a chair",
        "Anything except chairs",
        "anything but chairs",
        "something to sit on, but not a chair",
        "any furniture but chairs",
        "things that aren\u2019t chairs",
        "no chairs",
        "everything other than the sofa",
    ],
)
def test_negations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="negation is not understood"):
        Query(text=text)


@pytest.mark.parametrize(
    "text",
    [
        "a notebook", "chair no. 5", "No 5 chair", "small but heavy", "knot", "nothing but chairs",
        'a sign that says "do not enter"', "a button", "cup without a handle", "walnut table",
    ],
)  # fmt: skip
def test_what_only_resembles_a_negation_is_asked(text: str) -> None:
    assert Query(text=text).text == text
