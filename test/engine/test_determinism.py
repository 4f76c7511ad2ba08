"""Determinism: one recording and one set of settings make the same map file, byte for byte."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

RECORDING = Path(__file__).parents[2] / "data" / "demo_room"
REPLAY = """
import sys
from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.engine.replay import replay
from seg3d_ros.recordings.open import open_recording

engine = Engine(PerceptionSettings.of({"segmentation.model": sys.argv[1]}))
engine.set_first_vocabulary()
replay(open_recording(sys.argv[2]), engine, segment_period=2.0, max_frames=6)
engine.save(sys.argv[3])
print([(item.id, item.label) for item in engine.state.objects])
"""


@pytest.mark.slow
@pytest.mark.parametrize("model", ["geometric", "mini"])
def test_two_runs_end_in_the_same_file(model: str, tmp_path: Path) -> None:
    if model == "mini":
        pytest.importorskip("torch")
    paths = [tmp_path / f"{name}.map" for name in ("first", "second")]
    said = [
        subprocess.run(
            [sys.executable, "-c", REPLAY, model, RECORDING, path],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for path in paths
    ]
    assert said[0] == said[1] and said[0] != "[]\n"
    assert paths[0].read_bytes() == paths[1].read_bytes()
