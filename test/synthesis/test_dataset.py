from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("open3d", reason="ray casting needs Open3D: pip install .[train]")

from support.box_rooms import BoxRooms

from seg3d_ros.cli import main
from seg3d_ros.recordings.open import open_recording
from seg3d_ros.synthesis.dataset import MIN_VOXELS, DatasetWriter

ARRAYS = ("coord", "color", "normal", "segment", "instance")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("dataset")
    DatasetWriter(root, BoxRooms(), recordings=True).write("train", rooms=2, workers=2)
    return root


def test_a_room_has_all_arrays_and_names(written):
    folder = written / "train" / "room_00001"
    arrays = {name: np.load(folder / f"{name}.npy") for name in ARRAYS}
    names = (written / "names.txt").read_text().splitlines()
    facts = json.loads((folder / "scene.json").read_text())
    count = len(arrays["coord"])
    assert count == facts["voxels"] > 10_000
    assert {name: array.dtype.name for name, array in arrays.items()} == {
        "coord": "float32",
        "color": "uint8",
        "normal": "float16",
        "segment": "int32",
        "instance": "int32",
    }
    assert arrays["coord"].min() > -0.3 and (arrays["coord"].max(axis=0) < (3.3, 2.8, 2.7)).all()
    lengths = np.linalg.norm(arrays["normal"].astype(np.float32), axis=1)
    assert np.all((lengths == 0) | (np.abs(lengths - 1) < 2e-3)) and (lengths > 0).mean() > 0.9
    for number, instance in enumerate(facts["instances"]):
        own = arrays["instance"] == number
        assert own.sum() == instance["voxels"]
        assert own.sum() == 0 or own.sum() >= MIN_VOXELS
        assert {names[value] for value in arrays["segment"][own]} <= {instance["name"]}
    np.testing.assert_array_equal(arrays["segment"] < 0, arrays["instance"] < 0)


def test_the_table_is_seen_where_it_stands(written):
    folder = written / "train" / "room_00000"
    facts = json.loads((folder / "scene.json").read_text())
    number = [instance["name"] for instance in facts["instances"]].index("table")
    points = np.load(folder / "coord.npy")[np.load(folder / "instance.npy") == number]
    assert len(points) > 500
    assert (np.linalg.norm(points[:, :2] - (1.5, 1.8), axis=1) < 0.25 * np.sqrt(2) + 0.06).all()
    assert points[:, 2].max() < 0.56


def test_descriptions_say_what_is_never_trained_on(written):
    description = json.loads((written / "dataset.json").read_text())
    assert description["format"] == 2 and description["unseen_names"] == ["cup"]
    assert set(description["seen_names"] + ["cup"]) == set(BoxRooms().names())


def test_the_frames_are_a_recording(written):
    recording = open_recording(written / "recordings" / "train" / "room_00000")
    facts = json.loads((written / "train" / "room_00000" / "scene.json").read_text())
    assert len(recording) == len(list(recording.frames())) == facts["views"]


def test_rooms_are_the_same_in_any_process_and_order(written, tmp_path):
    writer = DatasetWriter(tmp_path, BoxRooms())
    writer.write_room("train", 1)
    assert contents(tmp_path / "train/room_00001") == contents(written / "train/room_00001")
    assert contents(written / "train/room_00000") != contents(written / "train/room_00001")


def test_it_goes_on_where_it_was_stopped(tmp_path):
    writer = DatasetWriter(tmp_path, BoxRooms())
    writer.write_room("val_rooms", 0)
    kept = tmp_path / "val_rooms" / "room_00000" / "coord.npy"
    before = kept.stat().st_mtime_ns
    (tmp_path / "val_rooms" / ".room_00001.123").mkdir()  # of a process that was killed
    writer.write("val_rooms", rooms=2, workers=1)
    assert kept.stat().st_mtime_ns == before
    assert (tmp_path / "val_rooms" / "room_00001" / "scene.json").is_file()


def test_rooms_of_another_seed_are_not_mixed_in(written):
    with pytest.raises(ValueError, match="seed"):
        DatasetWriter(written, BoxRooms(seed=1)).write("train", rooms=3, workers=1)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-o", "{tmp}/out", "--furniture", "{tmp}"], "no furniture library (.sh3f) in"),
        (["-o", "{tmp}/out", "--split", "test"], "val_models"),
        (["-o", "{tmp}/out", "--rooms", "0"], "--rooms"),
        ([], "--output"),
    ],
)
def test_bad_input_is_one_line_and_code_2(arguments, sentence, tmp_path, capsys):
    assert main(["synthesize", *(word.format(tmp=tmp_path) for word in arguments)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and sentence in lines[0]
    assert not (tmp_path / "out").exists()
