"""Map files asked from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import toy_room
from support.named_boxes import write_named_boxes

from seg3d_ros.cli import main


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    return write_named_boxes(tmp_path_factory.mktemp("map"))


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
    assert main(["query", str(saved), "benches near object 99", "--model", "geometric"]) == 2
    assert "no object has id 99" in capsys.readouterr().err
    assert main(["query", str(saved), "--area", "attic", "--model", "geometric"]) == 2
    assert "no area 'attic'" in capsys.readouterr().err
