"""Pacing of a player: the time at which each frame is due."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Playback:
    """Options of the playback.

    Attributes:
        clouds: depth images are sent as organised clouds.
        rate: 2 is twice as fast as it was recorded.
        max_gap_s: longer pauses of the recording are cut to this, seconds.
        loop: start again at the end, with stamps that go on.
    """

    clouds: bool = False
    rate: float = 1.0
    max_gap_s: float = 1.0
    loop: bool = False


class Pacer:
    """Schedule of frames, seconds after the first; long gaps are cut, loops go on."""

    def __init__(self, playback: Playback, *, rate_hz: float) -> None:
        self._playback = playback
        self._usual_gap = 1.0 / rate_hz
        self._last_stamp_ns: int | None = None
        self._due = 0.0

    def due(self, stamp_ns: int) -> float:
        """Time of the next frame, from its stamp in the recording."""
        if self._last_stamp_ns is not None:
            gap = (stamp_ns - self._last_stamp_ns) / 1e9
            gap = gap if gap > 0 else self._usual_gap
            self._due += min(gap, self._playback.max_gap_s) / self._playback.rate
        self._last_stamp_ns = stamp_ns
        return self._due
