"""Order, details and words: what the panels are made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seg3d_ros.objects.box import upright_box
from seg3d_ros.objects.events import Event, EventKind
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.query import Match, NoEmbeddingsError, Query, QueryResult
from seg3d_ros.text.vocabulary import Candidate
from seg3d_ros.viewer.details import details_html
from seg3d_ros.viewer.overlay import MAX_SHOWN, shortened
from seg3d_ros.viewer.ranking import BY_MATCH, FILTERS, ranked
from seg3d_ros.viewer.scene_colors import MODES, scene_colors
from seg3d_ros.viewer.tasks import line
from seg3d_ros.viewer.words_panel import labels_of


def known(number: int, label: str, size: int, score: float) -> MapObject:
    points = np.random.default_rng(number).uniform(0, 1, (size, 3)).astype(np.float32)
    box = upright_box(points)
    return MapObject(
        number, np.arange(size) + 1000 * number, points, box, box.center, score,
        first_seen_ns=number, last_seen_ns=10 - number, pinned_label=label,
    )  # fmt: skip


OBJECTS = (known(1, "chair", 30, 0.5), known(2, "Armchair", 10, 0.9), known(3, "lamp", 20, 0.7))


def by_text(query: Query) -> QueryResult:
    """Ranks the last object first."""
    scores = {1: 0.1, 2: 0.2, 3: 0.3}
    matches = [Match(item, scores[item.id]) for item in reversed(OBJECTS)]
    return QueryResult(matches, ["a remark"])


def no_words(query: Query) -> QueryResult:
    raise NoEmbeddingsError("no encoder")


@pytest.mark.parametrize(
    ("text", "order", "query", "ids"),
    [
        ("", BY_MATCH, by_text, [2, 3, 1]),
        ("", "name", by_text, [2, 1, 3]),
        ("", "number", by_text, [1, 2, 3]),
        ("", "size", by_text, [1, 3, 2]),
        ("", "last seen", by_text, [1, 2, 3]),
        ("light", BY_MATCH, by_text, [3, 2, 1]),
        ("CHAIR", BY_MATCH, by_text, [2, 1, 3]),  # those of the name first
        ("light", "number", by_text, [1, 2, 3]),
        ("chair", BY_MATCH, no_words, [2, 1]),
        ("light", BY_MATCH, no_words, []),
    ],
)
def test_objects_are_listed_in_order(text, order, query, ids):
    assert [match.object.id for match in ranked(OBJECTS, text, order, query).matches] == ids


def test_each_filter_lists_what_it_says():
    floor, seen = known(4, "Floor", 50, 0.9), replace(known(5, "vase", 5, 0.5), pinned_label=None)
    loaded = replace(seen, id=6, restored=True)
    listed = {
        name: [item.id for item in (floor, seen, loaded, OBJECTS[0]) if is_listed(item)]
        for name, is_listed in FILTERS.items()
    }
    assert listed == {
        "all": [4, 5, 6, 1],
        "things": [5, 6, 1],
        "floor, walls, ceiling": [4],
        "changed by hand": [4, 1],
        "not seen since loaded": [6],
    }


def test_remarks_of_a_query_are_kept():
    assert ranked(OBJECTS, "light", BY_MATCH, by_text).remarks == ["a remark"]


def test_details_escape_every_name():
    evil = replace(
        OBJECTS[0], pinned_label="<b>&", candidates=(Candidate("<script>alert(1)</script>", 0.5),)
    )
    events = [
        Event(EventKind.EDITED, evil.id, 10**9, text="called <i>"),
        Event(EventKind.GONE, 7, 0),
    ]
    html = details_html(evil, events)
    assert "called &lt;i&gt;" in html and "gone" not in html
    assert "<b>" not in html and "<script" not in html
    assert "&lt;b&gt;&amp;" in html and "&lt;script&gt;" in html


def test_long_names_are_shortened():
    assert shortened("x" * MAX_SHOWN) == "x" * MAX_SHOWN
    assert len(shortened("x" * 500)) == MAX_SHOWN


def test_a_line_is_text():
    assert "<i>" not in line("<i>") and len(line("<" * 10_000)) < 2000


def test_words_may_be_pasted_in_lines_or_with_commas():
    labels = labels_of("chair\n sofa|couch ,lamp,\n\n-wall")
    assert labels == ["chair", "sofa|couch", "lamp", "-wall"]


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_colours_objects_and_dims_the_rest(engine, mode):
    state = engine.state
    colors = scene_colors(state.scene, state.objects, mode)
    own = scene_colors(state.scene, (), mode)
    assert (own == np.rint(state.scene.colors * 255)).all()
    some = state.objects[0]
    mine = np.isin(state.scene.element_ids, some.element_ids)
    free = ~np.isin(
        state.scene.element_ids, np.concatenate([item.element_ids for item in state.objects])
    )
    if mode == "camera":
        assert (colors == own).all()
    else:
        assert len(np.unique(colors[mine], axis=0)) == 1
        assert colors[free].astype(int).mean() < 0.5 * own[free].mean()
