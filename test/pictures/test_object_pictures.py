"""Pictures of objects, their page, and the overlay."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image
from support import toy_room
from support.toy_frames import box_surface, toy_keyframe

from seg3d_ros.mapping.keyframes.best_views import best_views
from seg3d_ros.objects.box import voxel_box
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.pictures.object_picture import picture_of, pictures_of
from seg3d_ros.pictures.overlay import draw_overlay
from seg3d_ros.pictures.palette import color_of
from seg3d_ros.pictures.results import FILES, Results, write_results
from seg3d_ros.scene import MapGrid, Scene
from seg3d_ros.text.vocabulary import Candidate

RED, GREEN, BLUE = toy_room.BOXES
GRID = MapGrid(0.02)
POSE = toy_room.views(3)[1]
HOSTILE = "<img src=x onerror=alert(1)> & \"'"


def object_of(box: toy_room.ToyBox, object_id: int, label: str = "box") -> MapObject:
    points = box_surface(box, step=0.01).astype(np.float32)
    return MapObject(
        object_id, np.arange(len(points)), points, *voxel_box(points, GRID),
        score=0.5, first_seen_ns=0, last_seen_ns=0, pinned_label=label,
        candidates=(Candidate(label, 0.75), Candidate("crate", 0.25)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def view():
    return best_views(box_surface(RED), [toy_keyframe(POSE)])[0]


def pixels(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg)), int)


@pytest.mark.parametrize("whole", [True, False])
def test_the_box_of_a_picture_holds_the_object_and_is_drawn(view, whole):
    picture = picture_of(view, 5, whole=whole)
    image = pixels(picture.jpeg)
    left, top, right, bottom = picture.box
    assert (right - left, bottom - top) == (view.width, view.height)
    inside = image[top:bottom, left:right]
    assert np.median(inside, axis=(0, 1)) == pytest.approx(RED.color, abs=12)
    assert image[top - 1, left:right] == pytest.approx(
        np.broadcast_to(color_of(5), (right - left, 3)), abs=60
    )
    if whole:
        assert image.shape == (240, 320, 3) and picture.box == view.box
    else:
        assert image.shape[0] < 240 and image.shape[1] < 320


def test_an_object_that_no_picture_shows_has_none(view):
    assert pictures_of({1: (), 2: (view,)}).keys() == {2}


class Page(HTMLParser):
    """Tags and text of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.images, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.images.append(dict(attrs))

    def handle_data(self, data):
        self.texts.append(data.strip())


def test_results_hold_pictures_of_objects_and_a_page_of_them(view, tmp_path):
    points = box_surface(RED).astype(np.float32)
    scene = Scene(points, np.full(points.shape, 0.5, np.float32), np.arange(len(points)), 0.02)
    objects = (object_of(RED, 1, HOSTILE), object_of(GREEN, 2))
    results = Results(scene, objects, "mini", {}, pictures=pictures_of({1: (view, view), 2: ()}))
    write_results(tmp_path, results)
    assert {path.name for path in tmp_path.iterdir()} == {*FILES, "object_pictures"}

    listed = json.loads((tmp_path / "objects.json").read_text())["objects"]
    assert [item["pictures"] for item in listed] == [
        ["object_pictures/1_1.jpg", "object_pictures/1_2.jpg"], [],
    ]  # fmt: skip
    page = Page((tmp_path / "objects.html").read_text())
    assert [image["src"] for image in page.images] == listed[0]["pictures"]
    assert {image["alt"] for image in page.images} == {HOSTILE}
    assert all("onerror" not in image for image in page.images)
    for file in listed[0]["pictures"]:
        assert pixels((tmp_path / file).read_bytes()).ndim == 3
    assert HOSTILE in page.texts and "75%" in page.texts and "no picture" in page.texts

    write_results(tmp_path, replace(results, pictures=pictures_of({2: (view,)})))
    assert [path.name for path in (tmp_path / "object_pictures").iterdir()] == ["2_1.jpg"]


def test_the_overlay_paints_what_can_be_seen():
    view = toy_keyframe(POSE).view()
    _, color = toy_room.cast(POSE)
    objects = [object_of(RED, 1), object_of(BLUE, 3)]
    drawn = draw_overlay(view, objects, GRID).astype(int)
    changed = abs(drawn - view.color.astype(int)).max(axis=-1) > 20
    for box in (RED, BLUE):
        assert changed[(color == box.color).all(axis=-1)].mean() > 0.9
    others = (color != RED.color).any(axis=-1) & (color != BLUE.color).any(axis=-1)
    assert changed[others].mean() < 0.1  # captions
    assert (draw_overlay(view, [], GRID) == view.color).all()
