"""Replay: a recording through the engine without ROS, as fast as it goes."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

from seg3d_ros.engine.engine import Engine
from seg3d_ros.pictures.object_picture import pictures_of
from seg3d_ros.pictures.results import Results
from seg3d_ros.recordings.recording import Recording, RecordingError, to_frame
from seg3d_ros.scene import Frame

OnFrame = Callable[[Engine, Frame], None]


def replay(
    recording: Recording,
    engine: Engine,
    *,
    segment_period: float,
    max_frames: int | None = None,
    on_frame: OnFrame = lambda engine, frame: None,
) -> Results:
    """Fuse the frames of a recording and segment the map as a running node would.

    Nothing depends on the speed of the machine: the stamps of the frames decide when to segment.

    Args:
        recording: what to read.
        engine: an empty one; holds map and objects afterwards.
        segment_period: seconds of the recording between two segmentations.
        max_frames: stop after so many frames; None: play all.
        on_frame: called after each frame with it.

    Raises:
        RecordingError: a frame cannot be read, or none has a point within the limits.
    """
    start = time.perf_counter()
    frames = 0
    for recorded in itertools.islice(recording.frames(), max_frames):
        with engine.timings.measure("decode"):
            frame = to_frame(recorded)
        engine.integrate(frame)
        engine.keyframes.wait()
        frames += 1
        if engine.is_due(segment_period):
            engine.segment()
        on_frame(engine, frame)
    if not len(engine.map):
        raise RecordingError(
            f"{recording.name}: none of its {frames} frames has a point within the limits"
        )
    engine.settle()
    final = engine.encode_views()
    assert final.scene is not None
    model = engine.models.segmenter.name
    timings = {
        "recording": recording.name,
        "model": model,
        "frames": {"read": frames},
        "seconds": {"all": round(time.perf_counter() - start, 3)},
        "map_voxels": len(engine.map),
        "stages": engine.timings.as_dict(),
    }
    pictures = pictures_of(final.best_views)
    return Results(final.scene, final.objects, model, timings, pictures=pictures)
