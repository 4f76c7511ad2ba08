"""Audits from the command line, of the toy room with boxes for ground truth."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import toy_room
from support.toy_recording import write_toy_recording

from seg3d_ros.cli import main


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_toy_recording(tmp_path_factory.mktemp("recordings") / "toy")
    boxes = [
        {
            "name": name,
            "center": box.center.tolist(),
            "size": [high - low for low, high in zip(box.low, box.high, strict=True)],
            "yaw": 0.0,
        }
        for name, box in zip(("crate", "bench", "bin"), toy_room.BOXES, strict=True)
    ]
    (folder / "objects.json").write_text(json.dumps({"objects": boxes}))
    return folder


def test_boxes_that_are_all_found_have_full_marks(recording, tmp_path, capsys):
    options = ["--model", "geometric", "--segment-period", "0.1", "-o", str(tmp_path)]
    assert main(["audit", str(recording), *options]) == 0
    (audit,) = json.loads((tmp_path / "audit.json").read_text())["audits"]
    scores = audit["scores"]
    assert scores["true objects"] == 3 and scores["id switches"] == 0
    assert scores["AP50 at the end"] == pytest.approx(1.0)
    assert scores["never found"] == 0 and scores["IDF1"] > 0.6
    assert scores["name top 1"] == 0, "geometric names nothing"
    assert [tick["true"] for tick in audit["ticks"]][-1] == 3
    page = (tmp_path / "index.html").read_text()
    assert page.count("<svg") == 2 and "IDF1" in page
    assert "IDF1" in capsys.readouterr().out


def test_without_truth_two_passes_are_compared(recording, tmp_path, capsys):
    options = ["--model", "geometric", "--segment-period", "0.1", "-o", str(tmp_path)]
    assert main(["audit", str(recording), "--without-truth", *options]) == 0
    (found,) = json.loads((tmp_path / "audit.json").read_text())["repeatability"]
    assert found["both"] >= 3 and found["f1"] > 0.7
    assert not (tmp_path / "index.html").exists()
    assert "repeatability" in capsys.readouterr().out


def test_what_is_no_recording_is_one_line_and_code_2(tmp_path, capsys):
    assert main(["audit", str(tmp_path / "missing"), "-o", str(tmp_path)]) == 2
    assert "does not exist" in capsys.readouterr().err
