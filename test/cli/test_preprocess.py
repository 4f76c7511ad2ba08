"""`seg3d preprocess` on toy scans: what it writes is what training and evaluation read."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support.toy_dataset import write_dataset, write_scene
from support.toy_scannet import write_scannet

from seg3d_ros.cli import main
from seg3d_ros.datasets.scene_dataset import ScanNetDataset


@pytest.fixture
def raw(tmp_path):
    return write_scannet(tmp_path / "raw")


def test_training_and_evaluation_read_what_is_written(raw, tmp_path, capsys):
    output = tmp_path / "out"
    assert main(["preprocess", "scannet", str(raw), "-o", str(output)]) == 0
    assert f"{output / 'val'}: 1 scenes of 312" in capsys.readouterr().out
    sample = ScanNetDataset(output, "train", label_set="scannet200")[0]
    assert sample.name == "scene0000_00"
    assert [sample.segment[0], sample.instance[0]] == [1, 0]
    masks = np.array([[1, 1, 0, 0, 0, 0]], np.bool_)  # the chair
    np.savez(tmp_path / "scene0011_01.npz", masks=masks, scores=[0.9], labels=[4])
    options = ["--label-set", "scannet20", "--min-points", "1", "--predictions", str(tmp_path)]
    assert main(["evaluate", str(output), *options, "-o", str(tmp_path / "scores")]) == 0
    (scores,) = json.loads((tmp_path / "scores" / "evaluation.json").read_text())["evaluations"]
    classes = {row["name"]: row for row in scores["named"]["classes"]}
    assert classes["chair"]["objects"] == 1
    assert classes["chair"]["precision"]["ap"] == 1


def test_a_broken_scan_is_named_and_the_next_run_makes_it_alone(raw, tmp_path, capsys):
    output = tmp_path / "out"
    broken = raw / "scans" / "scene0000_00" / "scene0000_00.aggregation.json"
    content = broken.read_text()
    broken.write_text(content[:20])
    command = ["preprocess", "scannet", str(raw), "-o", str(output), "--workers", "1"]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert "seg3d: 1 of 3 scenes could not be prepared: scene0000_00; " in said
    assert f"{broken} is damaged" in said
    assert not list((output / "train").glob("scene*")), "no half of it"
    times = {path: path.stat().st_mtime_ns for path in output.glob("*/scene*/*.npy")}
    assert len({path.parent for path in times}) == 2

    broken.write_text(content)
    assert main(command) == 0
    assert (output / "train" / "scene0000_00" / "coord.npy").is_file()
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())


def test_scenes_made_with_other_options_are_not_mixed(raw, tmp_path, capsys):
    command = ["preprocess", "scannet", str(raw), "-o", str(tmp_path / "out"), "--workers", "1"]
    assert main(command) == 0
    assert main([*command, "--axis-align"]) == 2
    assert "made with another axis_align" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["scannet", "scannetpp", "replica", "s3dis", "rooms"])
def test_an_empty_folder_is_no_data_set(name, tmp_path, capsys):
    (tmp_path / "raw").mkdir()
    assert main(["preprocess", name, str(tmp_path / "raw"), "-o", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("seg3d: ") and len(said.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_made_rooms_become_a_closed_set(tmp_path, capsys):
    raw, output = write_dataset(tmp_path / "raw", rooms=2), tmp_path / "out"
    write_scene(raw / "val_rooms" / "room_7", seed=7)
    command = [
        "preprocess",
        "rooms",
        str(raw),
        "-o",
        str(output),
        "--workers",
        "1",
        "--names",
        "1",
    ]
    assert main(command) == 0
    assert (output / "names.txt").read_text() == "crate\n"  # two a room; a ball, wall, floor
    made = ScanNetDataset(raw, "val_rooms")[0]
    room = ScanNetDataset(output, "val_rooms", superpoints=True)[0]
    crates = made.segment == 2
    assert np.array_equal(room.segment, np.where(crates, 0, -1))
    assert np.array_equal(room.instance, np.where(crates, made.instance, -1))
    assert np.array_equal(room.points, made.points) and np.array_equal(room.colors, made.colors)
    assert np.array_equal(room.superpoint, np.load(output / "val_rooms/room_7/superpoint.npy"))
    assert main([*command[:-1], "2"]) == 2
    assert "made with another classes" in capsys.readouterr().err
