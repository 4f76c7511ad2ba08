"""Pages in a real browser."""

from __future__ import annotations

import numpy as np
import pytest
from support import toy_room
from support.browser import open_page
from support.waiting import wait_until

from seg3d_ros.objects.query import Query
from seg3d_ros.viewer.click_panel import CHOOSE, ON_IT

RED = toy_room.BOXES[0]
EVIL = "<img src=x onerror=document.title='hacked'>{alert(1)}"


def pixels_of(picture: np.ndarray, color: tuple[int, ...]) -> np.ndarray:
    """(K, 2) pixels x, y of about this colour; a page shows colours as they are."""
    near = (np.abs(picture.astype(int) - color) < 20).all(axis=2)
    return np.argwhere(near)[:, ::-1]


def middle_of(page, color: tuple[int, ...]) -> np.ndarray:
    """Pixel in the middle of what has a colour, as soon as the page shows enough of it."""
    picture = page.wait_for(lambda seen: len(pixels_of(seen, color)) > 100)
    found = pixels_of(picture, color)
    return found[np.argmin(np.abs(found - np.median(found, axis=0)).sum(axis=1))]


def coarse(viewer) -> str:
    """Address at which the page draws few pixels: here no GPU does."""
    return f"{viewer.url}?fixedDpr=0.5"


@pytest.fixture
def page(tmp_path):
    with open_page(tmp_path / "browser") as opened:
        yield opened


def known_at(engine, box):
    """The largest object whose box holds the middle of a box of the room."""
    found = engine.query(Query(near=tuple(box.center), radius=0.01)).matches
    return max((match.object for match in found), key=len)


def name_box(engine, name: str) -> None:
    """Click on the top of the red box."""
    top = np.array([*RED.center[:2], RED.high[2]])
    engine.segment_at(top[None], np.ones(1, bool), name=name)


def test_a_page_shows_the_objects_and_a_click_on_one_chooses_it(engine, open_viewer, page):
    page.open(coarse(open_viewer()))
    count = len(engine.state.objects)
    page.wait_text(f"{count} objects")
    known = known_at(engine, RED)
    assert f"\n{known.id}\n" not in page.text()
    page.click(*middle_of(page, RED.color))
    page.wait_text(f"{len(known):,}", "first seen")


def test_clicks_make_an_object_whose_name_is_never_code(engine, open_viewer, page):
    page.open(coarse(open_viewer()))
    before = {known.id for known in engine.state.objects}
    place = middle_of(page, RED.color)
    page.click_field("A click")
    page.click_text(ON_IT)
    page.click(*place)
    page.wait_for(lambda seen: len(pixels_of(seen, (255, 220, 0))) > 100)  # the mask
    assert {known.id for known in engine.state.objects} == before
    page.click_field("Name")
    page.type_text(EVIL)
    page.click_text("Accept")
    named = wait_until(
        lambda: [known for known in engine.state.objects if known.label == EVIL], "the object"
    )
    (known,) = named
    assert np.linalg.norm(known.centroid - RED.center) < 0.2
    page.wait_text(EVIL[:40], CHOOSE)
    page.click_text(f"{EVIL} · {known.id} · {known.score:.2f}")
    page.wait_text("(given)")
    assert page.evaluate("document.title") != "hacked"
    assert not page.evaluate("document.querySelectorAll('img[src=x]').length")


def test_a_search_lists_what_has_the_name(engine, open_viewer, page):
    name_box(engine, "red box")
    page.open(coarse(open_viewer()))
    page.click_field("Search")
    page.type_text("red")
    page.wait_text("1 objects", "red box")


def test_two_pages_see_the_same_and_come_back_after_a_restart(engine, open_viewer, page, tmp_path):
    first = open_viewer()
    with open_page(tmp_path / "second browser") as other:
        for each in (page, other):
            each.open(coarse(first))
        page.click_field("Search")
        page.type_text("no such name")
        for each in (page, other):
            each.wait_text("no such name", "0 objects")
    port = first.port
    first.close()
    name_box(engine, "after the restart")
    open_viewer(port=port)
    page.wait_text("after the restart")
    middle_of(page, RED.color)


def test_a_page_that_is_read_only_has_nothing_to_change(engine, open_viewer, page):
    page.open(coarse(open_viewer(read_only=True)))
    page.wait_text(f"{len(engine.state.objects)} objects")
    for absent in ("A click", "Save map", "Segment now", "Use these words"):
        assert absent not in page.text()
