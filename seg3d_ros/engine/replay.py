"""A recording through the pipeline without ROS, as fast as it goes."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

from seg3d_ros.engine.perception import Perception, Segmentation
from seg3d_ros.pictures.results import Results
from seg3d_ros.recordings.recording import Recording, RecordingError, to_frame

OnFrame = Callable[[Perception], None]


def replay(
    recording: Recording,
    perception: Perception,
    *,
    segment_period: float,
    max_frames: int | None = None,
    on_frame: OnFrame = lambda _: None,
) -> Results:
    """Fuse the frames of a recording and segment the map as a running node would.

    Args:
        recording: what to read.
        perception: an empty one; holds map and objects afterwards.
        segment_period: seconds of the recording between two segmentations.
        max_frames: stop after so many frames; None: play all.
        on_frame: called after each frame.

    Raises:
        RecordingError: a frame cannot be read, or none has a point within the limits.
    """
    start = time.perf_counter()
    segmented_ns: int | None = None
    frames = 0
    for recorded in itertools.islice(recording.frames(), max_frames):
        with perception.timings.measure("decode"):
            frame = to_frame(recorded)
        perception.integrate(frame)
        frames += 1
        if segmented_ns is None:
            segmented_ns = frame.stamp_ns
        if frame.stamp_ns - segmented_ns >= segment_period * 1e9 and len(perception.map):
            perception.segment()
            segmented_ns = frame.stamp_ns
        on_frame(perception)
    if not len(perception.map):
        raise RecordingError(
            f"{recording.name}: none of its {frames} frames has a point within the limits"
        )
    final = segment_until_settled(perception)
    timings = {
        "recording": recording.name,
        "model": perception.segmenter.name,
        "frames": {"read": frames},
        "seconds": {"all": round(time.perf_counter() - start, 3)},
        "map_voxels": len(perception.map),
        "stages": perception.timings.as_dict(),
    }
    return Results(final.scene, final.objects, perception.segmenter.name, timings)


def segment_until_settled(perception: Perception) -> Segmentation:
    """Segment a map that stands still, until every object has been seen often enough."""
    tracking = perception.settings.tracking
    for _ in range(max(tracking.confirm_views, tracking.merge_views)):
        final = perception.segment()
    return final
