from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image

from seg3d_ros.objects.box import Box
from seg3d_ros.pictures.captions import box_corners, draw_boxes, draw_captions
from seg3d_ros.pictures.palette import color_of
from seg3d_ros.pictures.picture import render_view
from seg3d_ros.pictures.point_splatting import View


def halves(path) -> tuple[np.ndarray, np.ndarray]:
    image = np.asarray(Image.open(path)).astype(int)
    return image[:, : image.shape[1] // 2], image[:, image.shape[1] // 2 :]


def share_of_hue(image: np.ndarray, color: np.ndarray) -> float:
    """Share of pixels whose channels stand to each other about as those of a colour."""
    length = np.linalg.norm(image, axis=-1) * np.linalg.norm(color)
    return float(((image @ color) / np.maximum(length, 1) > 0.995).mean())


def test_the_object_is_painted_on_the_right_only(tmp_path, room, in_block, make_object):
    item = make_object(in_block(room.points), object_id=5)
    render_view(tmp_path / "view.png", room, [item], size=(600, 300))
    left, right = halves(tmp_path / "view.png")
    assert left.shape == right.shape == (300, 300, 3)
    painted = color_of(5).astype(int)
    assert share_of_hue(right, painted) > 0.01
    assert share_of_hue(left, painted) == 0


def test_an_object_hidden_by_the_lid_or_gone_from_the_map_is_not_drawn(
    tmp_path, room, in_block, make_object
):
    item = make_object(in_block(room.points))
    gone = dataclasses.replace(item, id=2, element_ids=item.element_ids + (1 << 50))
    render_view(tmp_path / "one.png", room, [item], size=(400, 200))
    render_view(tmp_path / "two.png", room, [item, gone], size=(400, 200))
    one, two = (halves(tmp_path / name)[1][40:] for name in ("one.png", "two.png"))
    np.testing.assert_array_equal(one, two)  # below the title, which counts the objects


def test_an_empty_map_gives_an_empty_picture(tmp_path, room):
    nothing = dataclasses.replace(
        room, points=room.points[:0], colors=room.colors[:0], element_ids=room.element_ids[:0]
    )
    render_view(tmp_path / "view.png", nothing, [])
    left, right = halves(tmp_path / "view.png")
    np.testing.assert_array_equal(left, right)
    assert len(np.unique(left.reshape(-1, 3), axis=0)) == 1


def test_corners_of_a_turned_box():
    box = Box(center=np.array([1.0, 2, 3]), size=np.array([4.0, 2, 1]), yaw=np.pi / 2)
    corners = box_corners(box)
    np.testing.assert_allclose(corners.min(axis=0), (0, 0, 2.5), atol=1e-12)
    np.testing.assert_allclose(corners.max(axis=0), (2, 4, 3.5), atol=1e-12)
    assert len(np.unique(corners.round(6), axis=0)) == 8


@pytest.mark.parametrize("count", [1, 2, 40])
def test_maps_of_a_few_points_are_drawn(tmp_path, room, count):
    few = dataclasses.replace(
        room,
        points=room.points[:count],
        colors=room.colors[:count],
        element_ids=room.element_ids[:count],
    )
    render_view(tmp_path / "view.png", few, [], size=(200, 100))
    left, _ = halves(tmp_path / "view.png")
    assert (left[40:].max(axis=-1) > 150).any()


def test_walls_that_are_objects_are_cut_off_too_and_get_no_boxes(
    tmp_path, room, in_block, make_object
):
    block = make_object(in_block(room.points), object_id=5)
    x, y, z = room.points.T
    walls = [x < 0.05, x > 3.95, y < 0.05, y > 2.95]
    objects = [make_object(wall & (z > 0.05), object_id=10 + i) for i, wall in enumerate(walls)]
    render_view(tmp_path / "plain.png", room, [block], size=(600, 300))
    render_view(tmp_path / "walls.png", room, [block, *objects], size=(600, 300))
    plain, walls = (halves(tmp_path / name) for name in ("plain.png", "walls.png"))
    np.testing.assert_array_equal(plain[0], walls[0])  # the same view
    of_block = share_of_hue(walls[1], color_of(5).astype(int))
    assert of_block > 0.9 * share_of_hue(plain[1], color_of(5).astype(int))


def test_a_scene_far_from_zero_looks_the_same(tmp_path, room, in_block, make_object):
    item, origin = make_object(in_block(room.points)), np.array([500_000.0, 4_649_776.0, 212.0])
    box = dataclasses.replace(item.box, center=item.box.center + origin)
    far = dataclasses.replace(room, origin=origin), [dataclasses.replace(item, box=box)]
    pictures = []
    for scene, objects in ((room, [item]), far):
        render_view(tmp_path / "view.png", scene, objects, size=(400, 200))
        pictures.append(np.asarray(Image.open(tmp_path / "view.png"), float))
    assert np.abs(pictures[0] - pictures[1]).max() < 3


def test_a_flat_thing_that_fills_a_small_scene_has_a_box(
    tmp_path, room, in_block, make_object, monkeypatch
):
    """It is as long as the scene, but no wall."""
    boxed = []

    def watched(image, objects, *view):
        boxed.extend(objects)
        draw_boxes(image, objects, *view)

    monkeypatch.setattr("seg3d_ros.pictures.picture.draw_boxes", watched)
    flat = in_block(room.points) & (room.points[:, 2] < 0.4)
    small = dataclasses.replace(
        room,
        points=room.points[flat],
        colors=room.colors[flat],
        element_ids=room.element_ids[flat],
    )
    item = make_object(flat)
    render_view(tmp_path / "view.png", small, [item], size=(400, 200))
    assert boxed == [item]


@pytest.mark.parametrize(("boxed", "row"), [(True, 50), (False, 80)])
def test_a_caption_stands_on_the_box_that_is_drawn_or_in_the_middle(
    in_block, make_object, room, boxed, row
):
    box = Box(np.array([0.0, 3.0, 0.0]), np.array([0.2, 0.2, 2.0]), 0.0)
    item = dataclasses.replace(make_object(in_block(room.points), object_id=5), box=box)
    along_y = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    view = View(160, 160, 90.0, (80.0, 80.0), along_y)
    image = Image.new("RGB", (160, 160))
    draw_captions(image, [item], view, boxed=[item] if boxed else [])
    rows = np.flatnonzero(np.asarray(image).any(axis=(1, 2)))
    assert abs(rows[-1] - row) <= 1
