"""Repeatability: objects that two passes over the same place agree on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

import numpy as np
from scipy.optimize import linear_sum_assignment

from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.replay import replay
from seg3d_ros.evaluation.audit.moment import MATCH_IOU
from seg3d_ros.objects.map_object import MapObject, voxel_iou
from seg3d_ros.recordings.recording import RecordedFrame, Recording


@dataclass(frozen=True)
class Repeatability:
    """Agreement of two passes.

    Attributes:
        name: of the recording.
        first, second: objects of each pass.
        both: objects of one pass that overlap one of the other with an IoU of at least 0.5.
        same_name: share of these pairs whose labels agree; NaN without any.
    """

    name: str
    first: int
    second: int
    both: int
    same_name: float

    @property
    def f1(self) -> float:
        """Pairs over the mean number of objects; NaN without objects."""
        total = self.first + self.second
        return 2 * self.both / total if total else float("nan")


class _EverySecond:
    """Every second frame of a recording, from frame `start` on; see `Recording`."""

    def __init__(self, recording: Recording, start: int) -> None:
        self.name = recording.name
        self.rate_hz = recording.rate_hz / 2
        self._recording = recording
        self._start = start

    def __len__(self) -> int:
        return (len(self._recording) + 1 - self._start) // 2

    def frames(self, start: int = 0) -> Iterator[RecordedFrame]:
        """Read frame after frame."""
        return islice(self._recording.frames(self._start + 2 * start), None, None, 2)


def audit_repeatability(
    recording: Recording, make_engine: Callable[[], Engine], *, period: float
) -> Repeatability:
    """Play the even and the odd frames of a recording into an engine each, and compare.

    Args:
        recording: at least two frames.
        make_engine: gives an empty engine with its words.
        period: seconds of the recording between two segmentations.

    Raises:
        RecordingError: a frame cannot be read, or a pass has no point within the limits.
    """
    first, second = (
        _objects(_EverySecond(recording, start), make_engine, period=period) for start in (0, 1)
    )
    ious = np.array([[voxel_iou(one, other) for other in second] for one in first])
    ious = ious.reshape(len(first), len(second))
    rows, columns = linear_sum_assignment(ious, maximize=True)
    found = ious[rows, columns] >= MATCH_IOU
    same = [
        first[row].label == second[column].label
        for row, column in zip(rows[found], columns[found], strict=True)
    ]
    agreement = float(np.mean(same)) if same else float("nan")
    return Repeatability(recording.name, len(first), len(second), int(found.sum()), agreement)


def _objects(
    recording: Recording, make_engine: Callable[[], Engine], *, period: float
) -> Sequence[MapObject]:
    """Objects that an engine of its own knows at the end of a recording."""
    with closing(make_engine()) as engine:
        return replay(recording, engine, segment_period=period).objects
