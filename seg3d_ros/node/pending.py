"""Pending measurements of a sensor, and counters of what became of them."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from seg3d_ros.scene import Camera, Float32, Float64, UInt8

RATE_WINDOW = 60  # arrivals that the input rate is taken over


@dataclass(frozen=True, eq=False)
class Measurement:
    """Decoded points of one arrival; see `scene.Frame` for the fields.

    Attributes:
        frame_from_sensor: (4, 4) from the axes of the points to those of the arrival's frame_id;
            None where they are the same.
    """

    points: Float32
    colors: UInt8
    grid: tuple[int, int] | None
    camera: Camera | None = None
    frame_from_sensor: Float64 | None = None


@dataclass(frozen=True, eq=False)
class Arrival:
    """One undecoded measurement.

    Attributes:
        source: topic or camera it came from.
        frame_id: coordinate frame of its points.
        stamp_ns: its own stamp, nanoseconds.
        read: decodes it; raises ValueError with the reason when it is malformed. Takes the
            transform color_from_depth, None where colour and depth are of one frame.
        color_frame_id: coordinate frame of the colour image if it is another one; else empty.
        received_s: monotonic clock when it came in.
    """

    source: str
    frame_id: str
    stamp_ns: int
    read: Callable[[Float64 | None], Measurement]
    color_frame_id: str = ""
    received_s: float = field(default_factory=time.monotonic)


class SourceRecord:
    """Counters of one source. Thread-safe."""

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
