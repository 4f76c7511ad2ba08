"""A recording through the pipeline without ROS."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.toy_recording import write_toy_recording

from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.engine.replay import replay
from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import RecordingError


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory):
    folder: Path = tmp_path_factory.mktemp("recordings")
    return open_recording(write_toy_recording(folder / "toy"))


def passes(recording, segment_period: float) -> int:
    engine = Engine(PerceptionSettings.of({"segmentation.model": "geometric"}))
    replay(recording, engine, segment_period=segment_period)
    return engine.timings.summary()["segment"].count


def test_the_recording_s_own_time_decides_when_to_segment(recording) -> None:
    final = passes(recording, 100.0)
    assert passes(recording, 0.2) == final + 2, "6 frames at 10 Hz: at 0.2 s and 0.4 s"


def test_a_finer_map_has_more_voxels(recording) -> None:
    coarse, fine = (
        replay(
            recording,
            Engine(
                PerceptionSettings.of({"segmentation.model": "geometric", "map.voxel_size": size})
            ),
            segment_period=1.0,
        ).scene
        for size in (0.04, 0.02)
    )
    assert len(fine) > 2 * len(coarse)


def test_every_frame_is_reported(recording) -> None:
    sizes: list[int] = []
    replay(
        recording,
        Engine(PerceptionSettings.of({"segmentation.model": "geometric"})),
        segment_period=1.0,
        on_frame=lambda engine, _: sizes.append(len(engine.map)),
    )
    assert len(sizes) == len(recording)
    assert (np.diff(sizes) >= 0).all() and sizes[0] > 0


def test_a_recording_of_nothing_is_refused(recording) -> None:
    engine = Engine(
        PerceptionSettings.of(
            {"segmentation.model": "geometric", "input.min_range": 50.0, "input.max_range": 60.0}
        )
    )
    with pytest.raises(RecordingError, match="none of its 6 frames"):
        replay(recording, engine, segment_period=1.0)
