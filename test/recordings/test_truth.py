from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.recordings.truth import NONE, Move, open_truth, write_truth
from seg3d_ros.scene import Frame

MOVE = Move(1, 20, (0.0, 0.0, 0.0), (1.0, 2.0, 0.5))


def frame(points, stamp_ns: int = 10) -> Frame:
    points = np.array(points, np.float32)
    return Frame(points, np.zeros(points.shape, np.uint8), stamp_ns, np.eye(4))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    labels = np.array([[0, NONE], [2, 1]], np.int32)
    write_truth(tmp_path, ["cup", "table", "wall"], ["cup", "sofa"], [MOVE], [(10, labels)])
    return tmp_path


def test_images_come_back_as_they_were_written(folder):
    truth = open_truth(folder)
    assert truth is not None
    assert truth.names == ("cup", "table", "wall") and truth.words == ("cup", "sofa")
    assert truth.labels(frame(np.zeros((4, 3)))).tolist() == [0, NONE, 2, 1]
    assert [(m.number, m.stamp_ns, tuple(m.end)) for m in truth.moves] == [(1, 20, MOVE.end)]


@pytest.mark.parametrize(("points", "stamp_ns"), [(4, 11), (5, 10)])
def test_a_frame_without_its_image_is_refused(folder, points, stamp_ns):
    with pytest.raises(RecordingError, match="truth"):
        open_truth(folder).labels(frame(np.zeros((points, 3)), stamp_ns))


def test_a_damaged_file_is_refused_and_a_missing_one_is_none(folder, tmp_path_factory):
    (folder / "truth.json").write_text('{"names": 3}')
    with pytest.raises(RecordingError, match="no ground truth"):
        open_truth(folder)
    assert open_truth(tmp_path_factory.mktemp("empty")) is None


def test_boxes_hold_points_the_smallest_first_and_the_rest_is_wall(tmp_path):
    table = {"name": "table", "center": [0, 0, 0.5], "size": [2, 1, 1], "yaw": np.pi / 2}
    cup = {"name": "cup", "center": [0, 0, 0.9], "size": [0.2, 0.2, 0.2], "yaw": 0.0}
    (tmp_path / "objects.json").write_text(json.dumps({"objects": [table, cup]}))
    truth = open_truth(tmp_path)
    points = [
        (0, 0.9, 0.5),  # in the table, which lies along y
        (0.9, 0, 0.5),  # beside it
        (0, 0, 0.95),  # in the cup on the table
        (0, 0, 0.0),  # on the floor under it
        (np.nan, 0, 0),
    ]
    names = [truth.names[n] if n >= 0 else None for n in truth.labels(frame(points))]
    assert names == ["table", "wall", "cup", "wall", None]
