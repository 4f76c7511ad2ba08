"""The recording that comes with the project."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import to_frame

FOLDER = Path(__file__).resolve().parents[2] / "data" / "demo_room"


def test_it_stays_small():
    assert sum(path.stat().st_size for path in FOLDER.rglob("*")) < 8_000_000


def test_it_plays_ten_seconds_at_five_hertz():
    recording = open_recording(FOLDER)
    assert len(recording) == 50
    assert recording.rate_hz == pytest.approx(5)


def test_every_object_of_its_list_is_seen_where_the_list_says():
    cloud = []
    for recorded in open_recording(FOLDER).frames():
        frame = to_frame(recorded)
        points = frame.points[::25]
        points = points[np.isfinite(points).all(axis=1)]
        cloud.append(points @ frame.map_from_sensor[:3, :3].T + frame.map_from_sensor[:3, 3])
    points = np.concatenate(cloud)
    assert np.abs(points[points[:, 2] < 0.1, 2]).mean() < 0.02, "the floor lies at z = 0"
    for item in json.loads((FOLDER / "objects.json").read_text())["objects"]:
        cosine, sine = np.cos(item["yaw"]), np.sin(item["yaw"])
        turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
        local = (points - item["center"]) @ turn
        inside = (np.abs(local) < np.array(item["size"]) / 2 + 0.01).all(axis=1)
        assert inside.sum() > 5, f"{item['name']} ({item['model']}) is hardly seen"


def test_every_model_has_its_author():
    text = (FOLDER / "ATTRIBUTION.md").read_text()
    for item in json.loads((FOLDER / "objects.json").read_text())["objects"]:
        assert item["model"] in text
