"""Counters of one source of frames."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque

RATE_WINDOW = 60  # messages that the input rate is taken over


class SourceStats:
    """Fates of the messages of one source. Thread-safe."""

    def __init__(self) -> None:
        self._missing = ""
        self._missing_since_s = 0.0
        self._lock = threading.Lock()
        self._received = 0
        self._integrated = 0
        self._dropped: Counter[str] = Counter()
        self._last_drop = ""
        self._times: deque[float] = deque(maxlen=RATE_WINDOW)

    def count_received(self) -> None:
        """A message has come in."""
        with self._lock:
            self._received += 1
            self._times.append(time.monotonic())

    def count_integrated(self) -> None:
        """Its points are in the map."""
        with self._lock:
            self._integrated += 1
            self._missing = ""

    def count_dropped(self, reason: str, count: int = 1, *, detail: str = "") -> None:
        """Count messages that were given up.

        Args:
            reason: one or two words.
            count: how many; 0 changes nothing.
            detail: sentence with the values of this case.
        """
        if count == 0:
            return
        with self._lock:
            self._dropped[reason] += count
            self._last_drop = f"{reason}: {detail}" if detail else reason

    def wait_for(self, what: str) -> None:
        """Frames of the source can't be used before something is there; empty: nothing misses."""
        with self._lock:
            if what != self._missing:
                self._missing, self._missing_since_s = what, time.monotonic()

    @property
    def waiting(self) -> str:
        """Missing input and the seconds it has been waited for; empty where none misses."""
        with self._lock:
            seconds = time.monotonic() - self._missing_since_s
            return f"{self._missing} for {seconds:.0f} s" if self._missing else ""

    @property
    def received(self) -> int:
        """Messages that came in."""
        return self._received

    @property
    def integrated(self) -> int:
        """Messages whose points are in the map."""
        return self._integrated

    @property
    def dropped(self) -> dict[str, int]:
        """Count of dropped messages by reason."""
        with self._lock:
            return dict(self._dropped)

    @property
    def last_drop(self) -> str:
        """Reason and detail of the newest drop, empty before the first."""
        with self._lock:
            return self._last_drop

    @property
    def silence_s(self) -> float:
        """Seconds since the last message; infinite before the first."""
        with self._lock:
            return time.monotonic() - self._times[-1] if self._times else float("inf")

    @property
    def rate_hz(self) -> float:
        """Messages a second over the newest RATE_WINDOW, 0 before the second one."""
        with self._lock:
            if len(self._times) < 2:
                return 0.0
            span = self._times[-1] - self._times[0]
            return (len(self._times) - 1) / span if span > 0 else 0.0
