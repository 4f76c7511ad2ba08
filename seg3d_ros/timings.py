"""Durations of stages: a bounded record that any thread may write and read."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from statistics import fmean, median

KEPT = 512  # newest durations a stage; older ones only count


@dataclass(frozen=True)
class StageSummary:
    """Durations of one stage, milliseconds; `count` is over its whole life, the rest over KEPT."""

    count: int
    median_ms: float
    mean_ms: float
    max_ms: float


class StageTimings:
    """Durations by stage name. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=KEPT))
        self._counts: defaultdict[str, int] = defaultdict(int)

    def record(self, stage: str, seconds: float) -> None:
        """Add one duration."""
        with self._lock:
            self._recent[stage].append(seconds * 1e3)
            self._counts[stage] += 1

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Record how long the body of a `with` takes; a body that raises is not recorded."""
        start = time.perf_counter()
        yield
        self.record(stage, time.perf_counter() - start)

    def summary(self) -> dict[str, StageSummary]:
        """Summaries of all stages, in the order they were first seen."""
        with self._lock:
            recent = {stage: list(values) for stage, values in self._recent.items()}
            counts = dict(self._counts)
        return {
            stage: StageSummary(counts[stage], median(values), fmean(values), max(values))
            for stage, values in recent.items()
        }

    def as_dict(self) -> dict[str, dict[str, float]]:
        """Summaries as plain values for JSON."""
        return {
            stage: {name: round(value, 3) for name, value in asdict(summary).items()}
            for stage, summary in self.summary().items()
        }
