"""Audit of a recording: through the engine at its own pace, compared with its ground truth."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.replay import OnFrame, replay
from seg3d_ros.evaluation.audit.memory import memory_since, start_peak
from seg3d_ros.evaluation.audit.moment import Moment, compare
from seg3d_ros.evaluation.audit.scores import AuditScores, Usage, score
from seg3d_ros.evaluation.audit.truth_map import TruthMap
from seg3d_ros.recordings.recording import Recording
from seg3d_ros.recordings.truth import NONE, Truth
from seg3d_ros.scene import Frame

_CELL_M = 0.1  # edge of the squares of floor that are counted


class _Labels:
    """True objects of a map's voxels, voted for frame by frame.

    Attributes:
        voxels: true objects of the map so far.
    """

    def __init__(self, truth: Truth) -> None:
        self.voxels = TruthMap()
        self._truth = truth
        self._moves = list(truth.moves)

    def vote(self, engine: Engine, frame: Frame) -> None:
        """Label the voxels of a frame that the engine has fused."""
        while self._moves and self._moves[0].stamp_ns <= frame.stamp_ns:
            self.voxels.forget(self._moves.pop(0).number)
        labels = self._truth.labels(frame)
        measured = np.flatnonzero(np.isfinite(frame.points).all(axis=1) & (labels != NONE))
        pose = frame.map_from_sensor
        points = frame.points[measured] @ pose[:3, :3].T + pose[:3, 3]
        self.voxels.vote(engine.map.element_ids_at(points), labels[measured])


@dataclass(frozen=True, eq=False)
class Audit:
    """Audit of one recording.

    Attributes:
        name: of the recording.
        moments: after each tick.
        scores: over all of them.
    """

    name: str
    moments: tuple[Moment, ...]
    scores: AuditScores


def audit_recording(
    recording: Recording,
    truth: Truth,
    engine: Engine,
    *,
    period: float,
    on_frame: OnFrame = lambda engine, frame: None,
) -> Audit:
    """Replay a recording and compare the known objects with its truth after each segmentation.

    Args:
        recording: what to play.
        truth: of the recording.
        engine: an empty one, with its words.
        period: seconds of the recording between two segmentations.
        on_frame: called after each frame with it.

    Raises:
        RecordingError: a frame or its truth cannot be read, or no point is within the limits.
    """
    labels = _Labels(truth)
    moments: list[Moment] = []
    seconds: list[float] = []
    seen = engine.state
    start = start_peak()
    started = time.perf_counter()

    def look(elapsed: float) -> None:
        nonlocal seen
        if engine.state is not seen and engine.state.scene is not None:
            seen, scene = engine.state, engine.state.scene
            voxels = labels.voxels.labels(scene.element_ids)
            moments.append(compare(scene, seen.objects, voxels, truth.names))
            seconds.append(elapsed)

    def after(engine: Engine, frame: Frame) -> None:
        nonlocal started
        elapsed = time.perf_counter() - started
        labels.vote(engine, frame)
        look(elapsed)
        on_frame(engine, frame)
        started = time.perf_counter()

    replay(recording, engine, segment_period=period, on_frame=after)
    look(time.perf_counter() - started)  # the passes that settle the map at the end
    final = engine.state
    assert final.scene is not None
    usage = Usage(
        tick_seconds=tuple(seconds),
        memory=memory_since(start),
        file_bytes=_saved_size(engine),
        floor_m2=_floor_area(final.scene.points),
    )
    voxels = labels.voxels.labels(final.scene.element_ids)
    return Audit(recording.name, tuple(moments), score(moments, final, voxels, truth, usage))


def _saved_size(engine: Engine) -> int:
    """Bytes of the map as a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "audit.map"
        engine.save(path)
        return path.stat().st_size


def _floor_area(points: np.ndarray) -> float:
    """Area that a map covers seen from above, m²."""
    cells = np.unique(np.floor(points[:, :2] / _CELL_M).astype(np.int64), axis=0)
    return len(cells) * _CELL_M**2
