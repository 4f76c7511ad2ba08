"""The command line: the toy room replayed without ROS, and errors in one line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import toy_room
from support.toy_recording import write_toy_recording

from seg3d_ros.cli import main
from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.pictures.results import FILES
from seg3d_ros.segmenters.registry import MODELS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_recording(tmp_path_factory.mktemp("recordings") / "toy")


def test_replay_finds_the_boxes_and_writes_all_files(recording, tmp_path, capsys) -> None:
    output = tmp_path / "a" / "b"
    assert main(["replay", str(recording), "--model", "geometric", "-o", str(output)]) == 0
    assert {path.name for path in output.iterdir()} == {*FILES, "object_pictures"}

    document = json.loads((output / "objects.json").read_text())
    assert document["model"] == "geometric"
    centers = np.array([item["box"]["center"] for item in document["objects"]])
    for box in toy_room.BOXES:
        distances = np.linalg.norm(centers - box.center, axis=1)
        assert (distances < 0.1).sum() == 1, f"{box} is one of {centers}"

    timings = json.loads((output / "timings.json").read_text())
    assert timings["frames"]["read"] == 6
    assert timings["stages"]["integrate"]["count"] == 6
    assert Image.open(output / "view.png").size[0] > 1000
    printed = capsys.readouterr().out
    for item in document["objects"]:
        assert re.search(rf"^ +{item['id']} +object ", printed, re.MULTILINE)


def test_options_reach_the_pipeline(recording, tmp_path) -> None:
    options = ["--voxel-size", "0.04", "--max-frames", "2", "--segment-period", "0.1"]
    assert (
        main(["replay", str(recording), "--model", "geometric", "-o", str(tmp_path), *options])
        == 0
    )
    timings = json.loads((tmp_path / "timings.json").read_text())
    assert timings["frames"]["read"] == 2
    tracking = PerceptionSettings().tracking
    final = max(tracking.confirm_views, tracking.merge_views)
    assert timings["stages"]["track"]["count"] == 1 + final
    header = (tmp_path / "instances.ply").read_bytes()[:300].decode("ascii", "replace")
    assert f"element vertex {timings['map_voxels']}" in header


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["replay", "{tmp}/nowhere"], "does not exist"),
        (["replay", "{tmp}"], "is no recording"),
        (["replay", "{toy}", "--model", "magic"], "no segmenter is called 'magic'"),
        (["replay", "{toy}", "--voxel-size", "-1"], "voxel_size is -1"),
        (
            ["replay", "{toy}", "--model", "geometric", "--min-range", "50", "--max-range", "60"],
            "within the limits",
        ),
        (["replay", "{toy}", "-o", "{toy}/rgb.txt"], "rgb.txt"),
        (["replay"], "RECORDING"),
        (["play"], "play"),
    ],
)
def test_bad_input_is_one_line_and_code_2(
    arguments, sentence, recording, tmp_path, capsys
) -> None:
    filled = [word.format(tmp=tmp_path, toy=recording) for word in arguments]
    assert main(filled) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and sentence in lines[0]


def test_a_damaged_frame_is_named(tmp_path, capsys) -> None:
    folder = write_toy_recording(tmp_path / "toy", frames=12)
    damaged = sorted((folder / "depth").iterdir())[1]
    damaged.write_bytes(damaged.read_bytes()[:100])
    assert main(["replay", str(folder), "-o", str(tmp_path / "out")]) == 2
    assert damaged.name in capsys.readouterr().err


def test_every_plain_setting_is_an_option(capsys) -> None:
    main(["replay", "--help"])
    text = capsys.readouterr().out
    settings = PerceptionSettings()
    assert "--voxel-size" in text and str(settings.map.voxel_size) in text
    assert "--confirm-views" in text and "--segment-period" in text and "--model" in text


def test_models_are_listed(capsys) -> None:
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(MODELS)


def test_help_and_version_import_nothing_heavy() -> None:
    program = (
        "import sys; from seg3d_ros.cli import main; main(sys.argv[1:]);"
        "print(*sorted({'numba', 'numpy', 'torch', 'rclpy'} & sys.modules.keys()), 'heavy')"
    )
    for flag in ("--help", "--version"):
        run = subprocess.run(
            [sys.executable, "-c", program, flag], capture_output=True, text=True, cwd=ROOT
        )
        assert run.stdout.splitlines()[-1].split() == ["heavy"], run.stdout + run.stderr
