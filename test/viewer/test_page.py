"""Pages in a real browser."""

from __future__ import annotations

import numpy as np
import pytest
from support import toy_room
from support.browser import open_page
from support.room_frames import GEOMETRIC
from support.toy_recording import write_toy_recording
from support.waiting import wait_until

from seg3d_ros.engine.engine import Engine
from seg3d_ros.objects.query import Query
from seg3d_ros.recordings.open import open_recording
from seg3d_ros.viewer.click_panel import CHOOSE, ON_IT
from seg3d_ros.viewer.settings import ViewerSettings

RED, GREEN, _ = toy_room.BOXES
PANEL = 940  # pixel where it begins
EVIL = "<img src=x onerror=document.title='hacked'>{alert(1)}"


def pixels_of(picture: np.ndarray, color: tuple[int, ...]) -> np.ndarray:
    """(K, 2) pixels x, y of about this colour beside the panel; a page keeps colours."""
    near = (np.abs(picture[:, :PANEL].astype(int) - color) < 20).all(axis=2)
    return np.argwhere(near)[:, ::-1]


def middle_of(page, color: tuple[int, ...]) -> np.ndarray:
    """Pixel in the middle of what has a colour, as soon as the page shows enough of it."""
    picture = page.wait_for(lambda seen: len(pixels_of(seen, color)) > 100)
    found = pixels_of(picture, color)
    return found[np.argmin(np.abs(found - np.median(found, axis=0)).sum(axis=1))]


def coarse(viewer) -> str:
    """Address at which the page draws few pixels: here no GPU does."""
    return f"{viewer.url}?fixedDpr=0.5"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """The tab that the tests show their pages in, one after the other."""
    with open_page(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture
def page(browser):
    yield browser
    browser.leave()


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
    page.wait_text(f"{len(known):,}", "first seen", f"object {known.id} (", "appeared")
    pictures = f"document.querySelectorAll('img[alt=\"object {known.id}\"]')"
    loaded = f"[...{pictures}].filter(i => i.complete && i.naturalWidth > 20).length"
    wait_until(lambda: page.evaluate(loaded) >= 1, "a picture of the object")


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
    page.click_field("Show")
    page.click_text("not seen since loaded")
    page.wait_text("0 objects")


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


def test_words_that_are_pasted_rename_everything(engine, open_viewer, page):
    page.open(coarse(open_viewer()))
    page.open_tab("Words", shows="Use these words")
    page.click_field("Words")
    page.type_text("banana\nteapot, -wall")
    page.click_text("Use these words")
    wait_until(lambda: engine.state.vocabulary is not None, "the words", deadline_s=120.0)
    assert engine.state.vocabulary.entries == ("banana", "teapot", "-wall")


def test_a_map_is_saved_and_loaded(engine, open_viewer, page, tmp_path):
    path = tmp_path / "room.map"
    page.open(coarse(open_viewer()))
    page.open_tab("Map", shows="Save map")
    page.replace_text("File", str(path))
    page.click_text("Save map")
    wait_until(path.is_file, "the file")
    before = {known.id: len(known) for known in engine.state.objects}
    engine.clear()
    page.click_text("Load map")
    wait_until(lambda: len(engine.state.objects) == len(before), "the objects")
    assert {known.id: len(known) for known in engine.state.objects} == before
    page.wait_text(f"{len(before)} objects")


def test_objects_are_merged_split_and_restored(engine, open_viewer, page):
    page.open(coarse(open_viewer()))
    red, green = known_at(engine, RED), known_at(engine, GREEN)
    assert red.id != green.id
    page.click(*middle_of(page, RED.color))
    page.wait_text("Merge the other into this one")
    page.replace_text("Other number", str(green.id))
    page.click_text("Merge the other into this one")
    wait_until(lambda: green.id not in ids_of(engine), "the merger")
    assert len(engine.get(red.id)) == len(red) + len(green)
    place = middle_of(page, GREEN.color)
    page.click_field("A click")
    page.click_text(ON_IT)
    page.click(*place)
    page.wait_for(lambda seen: len(pixels_of(seen, (255, 220, 0))) > 100)  # the mask
    page.click_text("Split off what is clicked")
    wait_until(lambda: len(engine.get(red.id)) < len(red) + len(green), "the split")
    page.click_text("Undo the last edit")
    wait_until(lambda: len(engine.get(red.id)) == len(red) + len(green), "the split undone")
    page.click_text("Undo the last edit")
    wait_until(lambda: green.id in ids_of(engine), "both objects")
    assert len(engine.get(green.id)) == len(green)


def ids_of(engine) -> set[int]:
    return {known.id for known in engine.state.objects}


def test_a_recording_plays_and_jumps_from_the_page(page, tmp_path):
    from seg3d_ros.viewer.viewer import Viewer  # where there is a page, there is viser

    recording = open_recording(write_toy_recording(tmp_path / "toy"))
    engine = Engine(GEOMETRIC)
    with Viewer(engine, ViewerSettings(port=0), recording=recording) as viewer:
        page.open(coarse(viewer))
        page.click_text("Play")
        player = viewer.playback.player
        wait_until(lambda: player.position == len(recording), "the end", deadline_s=60.0)
        page.wait_text("objects")
        page.evaluate("document.querySelector('[role=slider]').focus()")
        for _ in range(2):
            page.press_left()
        two_before = len(recording) - 2
        wait_until(lambda: player.position == two_before, "a jump back", deadline_s=60.0)
    engine.close()
