"""Sources of `seg3d view`, without a page."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.room_frames import GEOMETRIC
from support.toy_recording import write_toy_recording
from support.waiting import wait_until

from seg3d_ros.engine.engine import Engine
from seg3d_ros.pictures.turntable import check_film, render_turntable
from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.viewer.player import Player
from seg3d_ros.viewer.sources import open_source, write_pictures


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    return write_toy_recording(tmp_path_factory.mktemp("recording"))


def test_a_saved_map_comes_with_its_objects_and_its_voxel_size(engine, tmp_path):
    path = tmp_path / "room.map"
    engine.save(path)
    source = open_source(path, GEOMETRIC, ())
    assert f"{len(engine.state.objects)} objects" in source.fill()
    assert source.engine.map.grid.voxel_size == engine.map.grid.voxel_size
    ids = [known.id for known in source.engine.state.objects]
    assert ids == [known.id for known in engine.state.objects]


def test_a_scene_file_is_segmented_and_can_be_saved_as_a_map(engine, tmp_path):
    scene = engine.state.scene
    path = tmp_path / "room.npz"
    np.savez(path, xyz=scene.points, rgb=scene.colors)
    source = open_source(path, GEOMETRIC, (), chosen_size=True)
    source.fill()
    found = source.engine.state
    assert len(found.objects) >= 3
    # The floor lies on the border of two layers of voxels: rounding decides between them.
    assert 0.75 * len(scene) < len(found.scene) <= len(scene)
    source.engine.save(tmp_path / "room.map")
    assert open_source(tmp_path / "room.map", GEOMETRIC, ()).fill()


def test_a_scene_far_from_zero_lies_where_the_file_says(tmp_path):
    far = np.array([500_000.0, 5_400_000.0, 100.0])
    points = far + np.random.default_rng(0).uniform(0, 1, (5000, 3)) * (2, 2, 0.01)
    np.savez(tmp_path / "far.npz", xyz=points, rgb=np.zeros((5000, 3), np.uint8))
    source = open_source(tmp_path / "far.npz", GEOMETRIC, (), chosen_size=True)
    source.fill()
    scene = source.engine.state.scene
    middle = scene.grid.map_from_local(scene.points).mean(axis=0)
    np.testing.assert_allclose(middle, far + np.array([1, 1, 0.005]), atol=0.05)


def test_what_is_none_of_these_is_named(tmp_path):
    with pytest.raises(RecordingError, match="nowhere does not exist"):
        open_source(tmp_path / "nowhere", GEOMETRIC, ())


def test_pictures_of_a_recording(recording, tmp_path):
    source = open_source(recording, GEOMETRIC, ())
    write_pictures(source, tmp_path / "view.png", None)
    assert Image.open(tmp_path / "view.png").size == (1600, 800)
    state = source.engine.state
    film = tmp_path / "turn.webp"
    render_turntable(film, state.scene, state.objects, frames=4, size=(160, 120))
    with Image.open(film) as pictures:
        assert (pictures.n_frames, pictures.size) == (4, (160, 120))
        sides = []
        for number in range(4):
            pictures.seek(number)
            sides.append(np.asarray(pictures.convert("RGB"), int))
    assert all(np.abs(a - b).mean() > 1 for a, b in pairwise(sides))


def test_a_film_of_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match=r"turn\.mov is no film"):
        check_film(Path("turn.mov"))


@pytest.fixture
def player(recording):
    engine = Engine(GEOMETRIC)
    made = Player(open_recording(recording), engine, segment_period=3600.0, on_change=lambda: None)
    yield made, engine
    made.close()
    engine.close()


def test_a_recording_plays_to_its_end_and_its_objects_are_found(player):
    made, engine = player
    made.play(True)
    wait_until(lambda: made.position == 6 and not made.playing, "the end")
    wait_until(lambda: len(engine.state.objects) >= 3, "objects")
    assert engine.frames == 6


def test_a_jump_back_begins_anew(player):
    made, engine = player
    made.jump(4)
    wait_until(lambda: made.position == 4 and engine.state.scene is not None, "a jump ahead")
    voxels = len(engine.map)
    made.jump(1)
    wait_until(lambda: made.position == 1 and len(engine.map), "a jump back")
    assert 0 < len(engine.map) < voxels
    made.jump(10_000)
    wait_until(lambda: made.position == 6, "a jump beyond the end")
    assert not made.playing
