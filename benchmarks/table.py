"""Rows of the benchmark table: a stage beside a yardstick that ran in the same process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measured stage.

    Attributes:
        stage: what was run.
        median_ms: its median time, milliseconds.
        yardstick: what it is compared with; empty when there is nothing.
        yardstick_ms: median time of that.
        note: what a reader has to know about the numbers.
    """

    stage: str
    median_ms: float
    yardstick: str = ""
    yardstick_ms: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Time of the stage over that of its yardstick; below 1 is faster."""
        return self.median_ms / self.yardstick_ms if self.yardstick_ms else None


def measure(function: Callable[[], object], *, repeats: int) -> float:
    """Median time of a call, milliseconds, after one that warms caches and compilers."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def print_table(rows: Iterable[Row]) -> None:
    """Print rows below a headline, columns aligned."""
    headline = ("stage", "median ms", "yardstick", "median ms", "ratio", "note")
    lines = [headline, *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))


def _cells(row: Row) -> tuple[str, ...]:
    yardstick_ms = "" if row.yardstick_ms is None else f"{row.yardstick_ms:.2f}"
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    return row.stage, f"{row.median_ms:.2f}", row.yardstick, yardstick_ms, ratio, row.note
