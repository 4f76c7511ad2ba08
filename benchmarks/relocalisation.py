"""Maps of the first part of recordings, found again in their last part, turned and shifted.

Each recording is cut: its first 60 % become a map file, its last 60 %, moved at random, the map
of a robot that starts anew. Each robot loads each file: its own has to be accepted, all others
refused.

    python -m benchmarks.relocalisation RECORDING...
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.objects.relocalisation import NotRecognisedError
from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import to_frame
from seg3d_ros.scene import Float64, Frame
from seg3d_ros.sensing.transforms import level_pose, transformed

PART = 0.6
SETTINGS = PerceptionSettings.of({"segmentation.model": "mini"})


def main(recordings: Iterable[str]) -> None:
    """Print a line for each pair of a robot and a file."""
    rng = np.random.default_rng(0)
    frames = {Path(name).name: _frames(name) for name in recordings}
    with tempfile.TemporaryDirectory() as folder:
        for name, seen in frames.items():
            with closing(_map_of(seen[: int(PART * len(seen))])) as engine:
                engine.save(Path(folder) / name)
        for robot, seen in frames.items():
            moved = level_pose(rng.uniform(-np.pi, np.pi), rng.uniform(-5, 5, 3))
            with closing(_map_of(seen[int((1 - PART) * len(seen)) :], moved)) as engine:
                for file in sorted(frames, key=robot.__eq__):  # its own, which it keeps, last
                    print(f"{robot} loads {file}: {_load(engine, Path(folder) / file, moved)}")


def _frames(recording: str) -> list[Frame]:
    return [to_frame(record) for record in open_recording(recording).frames()]


def _map_of(frames: list[Frame], moved: Float64 | None = None) -> Engine:
    engine = Engine(SETTINGS)
    for frame in frames:
        pose = frame.map_from_sensor if moved is None else moved @ frame.map_from_sensor
        engine.integrate(replace(frame, map_from_sensor=pose))
    engine.settle()
    return engine


def _load(engine: Engine, file: Path, moved: Float64) -> str:
    centers = np.array([known.centroid for known in engine.state.objects])
    try:
        found = engine.load(file, relocalise=True).map_from_file
    except NotRecognisedError as error:
        return f"refused: {error}"
    assert found is not None
    errors = transformed(centers, found @ np.linalg.inv(moved)) - centers
    return f"accepted, at most {np.linalg.norm(errors, axis=1).max():.3f} m off"


if __name__ == "__main__":
    main(sys.argv[1:])
