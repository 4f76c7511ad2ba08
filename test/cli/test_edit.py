"""Map files edited from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import toy_room
from support.toy_recording import write_toy_recording

from seg3d_ros.cli import main
from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.engine.replay import replay
from seg3d_ros.objects.query import Query
from seg3d_ros.recordings.open import open_recording

GEOMETRIC = PerceptionSettings.of({"segmentation.model": "geometric", "prompt.model": "geometric"})


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    engine = Engine(GEOMETRIC)
    replay(open_recording(write_toy_recording(tmp_path / "toy")), engine, segment_period=0.2)
    engine.save(tmp_path / "room.map", fixed_frame="odom")
    return tmp_path / "room.map"


def loaded(path: Path) -> Engine:
    engine = Engine(GEOMETRIC)
    engine.load(path, fixed_frame="odom")
    return engine


def ids(engine: Engine) -> list[int]:
    """Ids of the toy room's boxes."""
    places = [Query(near=tuple(box.center), radius=0.01) for box in toy_room.BOXES]
    found = [[match.object for match in engine.query(place).matches] for place in places]
    return [max(objects, key=len).id for objects in found]


def test_edits_are_kept_in_the_file(saved, capsys):
    red, green, blue = ids(loaded(saved))
    assert main(["edit", "rename", str(saved), str(red), "crate"]) == 0
    assert f"object {red} is called 'crate'" in capsys.readouterr().out
    assert main(["edit", "delete", str(saved), str(green)]) == 0
    assert main(["edit", "lock", str(saved), str(blue)]) == 0
    engine = loaded(saved)
    assert engine.get(red).label == "crate" and engine.get(blue).prompted
    assert green not in {known.id for known in engine.state.objects}
    assert main(["edit", "merge", str(saved), str(red), str(blue)]) == 0
    assert len(loaded(saved).get(red)) > len(engine.get(red))
    assert main(["edit", "list", str(saved)]) == 0
    assert "crate" in capsys.readouterr().out


def test_clicks_split_what_was_merged(saved):
    red, green, _ = ids(loaded(saved))
    main(["edit", "merge", str(saved), str(red), str(green)])
    low, high = toy_room.BOXES[1].low, toy_room.BOXES[1].high
    click = [str((low[0] + high[0]) / 2), str((low[1] + high[1]) / 2), str(high[2])]
    assert main(["edit", "split", str(saved), str(red), "--at", *click, "--name", "bench"]) == 0
    assert "bench" in {known.label for known in loaded(saved).state.objects}


def test_edits_of_a_file_are_undone_newest_first(saved, capsys):
    red, green, blue = ids(loaded(saved))
    before = {known.id: len(known) for known in loaded(saved).state.objects}
    main(["edit", "rename", str(saved), str(blue), "crate"])
    main(["edit", "merge", str(saved), str(red), str(green)])
    assert main(["edit", "undo", str(saved)]) == 0
    assert f"undone: merge of {red}, {green}" in capsys.readouterr().out
    assert {known.id: len(known) for known in loaded(saved).state.objects} == before
    assert main(["edit", "undo", str(saved)]) == 0
    assert loaded(saved).get(blue).pinned_label is None
    assert main(["edit", "undo", str(saved)]) == 2
    assert "there is no edit to undo" in capsys.readouterr().err


def test_unknown_objects_are_one_line_and_code_2(saved, capsys):
    before = saved.read_bytes()
    assert main(["edit", "rename", str(saved), "4000", "cup"]) == 2
    assert "no object has id 4000" in capsys.readouterr().err
    assert saved.read_bytes() == before


def test_taught_names_are_listed(saved, capsys):
    assert main(["edit", "taught", str(saved)]) == 0
    assert "no name was taught" in capsys.readouterr().out
    assert main(["edit", "forget", str(saved), "crate"]) == 2
    assert "no name 'crate' was taught" in capsys.readouterr().err
