"""Clocks of all sources: whether time went back for one of them or for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from seg3d_ros.engine.pending_frame import PendingFrame
from seg3d_ros.sensing.stamp_clock import Change, StampClock

ALIVE_S = 2.0  # a source that was silent for longer has no say in whether time went back


class Verdict(NamedTuple):
    """Verdict on the stamp of a frame.

    Attributes:
        source_went_back: the clock of its source was set back.
        time_went_back: those of all sources were, as when a recording starts again.
    """

    source_went_back: bool
    time_went_back: bool


@dataclass
class _Source:
    clock: StampClock
    heard_s: float  # monotonic time of the last stamp in line with the clock
    went_back_s: float | None = None  # since when it is open whether time went back for all


class SourceClocks:
    """Follows the stamps of each source; time went back when no live source contradicts."""

    def __init__(self) -> None:
        self._sources: dict[str, _Source] = {}

    def follow(self, frame: PendingFrame) -> Verdict:
        """Take the next frame of a source."""
        source = self._sources.get(frame.source)
        if source is None:
            clock = StampClock(frame.stamp_ns)
            self._sources[frame.source] = _Source(clock, frame.received_s)
            return Verdict(False, False)
        change = source.clock.follow(frame.stamp_ns)
        went_back = change is Change.WENT_BACK
        if went_back:
            source.went_back_s = source.heard_s
        if source.clock.suspect_ns is None:
            source.heard_s = frame.received_s
        return Verdict(went_back, self._time_went_back(frame.received_s))

    def _time_went_back(self, now_s: float) -> bool:
        """Decide on the sources that went back, once every live one has spoken."""
        back = [s for s in self._sources.values() if s.went_back_s is not None]
        if not back:
            return False
        others = [
            s for s in self._sources.values() if s.went_back_s is None and not s.clock.is_back
        ]
        since_s = max(s.went_back_s for s in back if s.went_back_s is not None)
        contradicted = any(source.heard_s > since_s for source in others)
        if not contradicted and any(now_s - source.heard_s <= ALIVE_S for source in others):
            return False  # those have yet to speak
        for source in back:
            source.went_back_s = None
        return not contradicted
