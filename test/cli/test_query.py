"""Map files asked from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import toy_room
from support.toy_recording import write_toy_recording

from seg3d_ros.cli import main
from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.engine.replay import replay
from seg3d_ros.objects.edits import Rename
from seg3d_ros.objects.query import Query
from seg3d_ros.recordings.open import open_recording


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """The toy room, its boxes called crate, bench and tower."""
    folder = tmp_path_factory.mktemp("map")
    engine = Engine(PerceptionSettings.of({"segmentation.model": "geometric"}))
    replay(open_recording(write_toy_recording(folder / "toy")), engine, segment_period=0.2)
    for box, name in zip(toy_room.BOXES, ("crate", "bench", "tower"), strict=True):
        found = engine.query(Query(near=tuple(box.center), radius=0.01)).matches
        engine.edit(Rename(max((match.object for match in found), key=len).id, name))
    engine.save(folder / "room.map", fixed_frame="odom")
    return folder / "room.map"


def test_phrases_over_a_map_file(saved, capsys):
    assert main(["query", str(saved), "the bench nearest the tower", "--model", "geometric"]) == 0
    told, line = capsys.readouterr().out.strip().splitlines()
    assert told.startswith("1 objects; read as 'bench' nearest tower")
    assert "m from object" in line and "(tower)" in line


def test_json_for_programs(saved, capsys):
    asked = ["query", str(saved), "how many benches are within 3 m of the crate", "--json"]
    assert main([*asked, "--model", "geometric"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["total"] == 1
    (found,) = answer["objects"]
    assert found["label"] == "bench"
    assert found["centroid"][:2] == pytest.approx(toy_room.BOXES[1].center[:2], abs=0.1)


def test_what_cannot_be_asked_is_one_line(saved, capsys):
    assert main(["query", str(saved), "something soft", "--model", "geometric"]) == 2
    assert "free text needs a model" in capsys.readouterr().err
    assert main(["query", str(saved), "--area", "attic", "--model", "geometric"]) == 2
    assert "no area 'attic'" in capsys.readouterr().err
