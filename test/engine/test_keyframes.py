"""Keyframes in the engine: chosen, shown to segmenters, linked to objects, saved and loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support import toy_room
from support.toy_frames import SECOND_NS, toy_frame

from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.mapping.keyframes.settings import ViewSettings
from seg3d_ros.objects.storage import MapFileError, load_map, save_map

GEOMETRIC = PerceptionSettings.of({"segmentation.model": "geometric", "prompt.model": "geometric"})
POSES = [toy_room.looking_at((-0.6, y, 1.2), (1.0, 0.2, 0.2)) for y in (-1.2, -0.4, 0.4, 1.2)]


@pytest.fixture(scope="module")
def engine() -> Engine:
    """Has seen the toy room from several sides, and knows its objects."""
    made = Engine(GEOMETRIC)
    for number, pose in enumerate(POSES, 1):
        made.integrate(toy_frame(pose, stamp_ns=number * SECOND_NS))
        made.keyframes.wait()
    made.settle()
    return made


def red_box(engine: Engine) -> int:
    center = toy_room.BOXES[0].center
    return min(engine.state.objects, key=lambda item: np.linalg.norm(item.centroid - center)).id


def test_objects_have_views_that_show_them(engine: Engine) -> None:
    views = engine.state.best_views[red_box(engine)]
    assert views
    for view in views:
        left, top, right, bottom = view.box
        color = view.keyframe.view().color[top:bottom, left:right].astype(int)
        red = (color[..., 0] > 150) & (color[..., 1] < 90)
        assert red.mean() > 0.5


def test_segmenters_see_the_views_of_the_scene(engine: Engine) -> None:
    scene = engine.state.scene
    assert scene is not None
    ids = [view.keyframe_id for view in scene.views]
    assert ids == [keyframe.id for keyframe in engine.keyframes.all()] and ids


def test_states_are_not_changed_by_later_frames(engine: Engine) -> None:
    state, views = engine.state, dict(engine.state.best_views)
    engine.integrate(toy_frame(toy_room.looking_at((1.9, 0.3, 0.9), (1.0, 0.3, 0.2))))
    engine.keyframes.wait()
    engine.segment()
    assert dict(state.best_views) == views
    with pytest.raises(TypeError):
        state.best_views[0] = ()  # type: ignore[index]


def test_a_map_file_holds_the_pictures(engine: Engine, tmp_path: Path) -> None:
    engine.save(tmp_path / "a.map")
    other = Engine(GEOMETRIC)
    other.load(tmp_path / "a.map")
    kept = [(item.id, item.color, item.depth) for item in engine.keyframes.all()]
    assert [(item.id, item.color, item.depth) for item in other.keyframes.all()] == kept
    assert other.state.best_views[red_box(engine)]
    assert other.keyframes.next_id == engine.keyframes.next_id
    other.save(tmp_path / "b.map")
    again = Engine(GEOMETRIC)
    again.load(tmp_path / "b.map")
    assert [(item.id, item.color, item.depth) for item in again.keyframes.all()] == kept
    other.clear()
    assert not other.keyframes.all() and not other.state.best_views


def test_a_map_with_damaged_pictures_leaves_all_as_it_was(engine: Engine, tmp_path: Path) -> None:
    engine.save(tmp_path / "whole.map")
    _, voxels, objects, keyframes = load_map(tmp_path / "whole.map")
    save_map(tmp_path / "bad.map", voxels, objects, {**keyframes, "next_id": np.array(1)})
    state, before = engine.state, engine.keyframes.all()
    with pytest.raises(MapFileError, match="keyframes are damaged"):
        engine.load(tmp_path / "bad.map")
    assert engine.state is state and engine.keyframes.all() is before


def test_a_map_without_pictures_is_read(engine: Engine, tmp_path: Path) -> None:
    engine.save(tmp_path / "whole.map")
    _, voxels, objects, _ = load_map(tmp_path / "whole.map")
    save_map(tmp_path / "older.map", voxels, objects)
    other = Engine(GEOMETRIC)
    report = other.load(tmp_path / "older.map")
    assert report.objects and not other.keyframes.all()


def test_no_memory_means_no_pictures() -> None:
    made = Engine(replace(GEOMETRIC, views=ViewSettings(memory=0)))
    made.integrate(toy_frame(POSES[0]))
    made.keyframes.wait()
    assert not made.keyframes.all()


@pytest.mark.parametrize("in_body_axes", [False, True])
def test_organised_clouds_make_keyframes_in_whatever_axes_they_come(in_body_axes: bool) -> None:
    engine = Engine(GEOMETRIC)
    for number, pose in enumerate(POSES, 1):
        cloud = replace(toy_frame(pose, stamp_ns=number * SECOND_NS), camera=None)
        if in_body_axes:
            optical_from_body = np.eye(4)[[1, 2, 0, 3]] * [[-1], [-1], [1], [1]]
            points = cloud.points @ optical_from_body[:3, :3].astype(np.float32)
            cloud = replace(cloud, points=points, map_from_sensor=pose @ optical_from_body)
        engine.integrate(cloud)
        engine.keyframes.wait()
    found = engine.keyframes.all()
    assert len(found) == len(POSES)
    for keyframe, pose in zip(found, POSES, strict=True):
        np.testing.assert_allclose(keyframe.map_from_camera, pose, atol=1e-9)
        assert keyframe.camera.fx == pytest.approx(toy_room.CAMERA.fx, rel=1e-3)
