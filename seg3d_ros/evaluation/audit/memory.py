"""Memory of the running process, as Linux counts it."""

from __future__ import annotations

import contextlib
import math
import re
from dataclasses import dataclass
from pathlib import Path

_STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class MemoryUse:
    """Growth of the resident memory since a start, bytes; NaN where unknown."""

    peak: float
    end: float


def start_peak() -> int | None:
    """Begin a new peak at the memory that is resident now; its bytes, None where unknown."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # see proc(5)
        return _bytes_of("VmRSS")
    return None


def memory_since(start: int | None) -> MemoryUse:
    """Growth since `start_peak` returned this."""
    peak, end = _bytes_of("VmHWM"), _bytes_of("VmRSS")
    if start is None or peak is None or end is None:
        return MemoryUse(math.nan, math.nan)
    return MemoryUse(float(peak - start), float(end - start))


def _bytes_of(entry: str) -> int | None:
    with contextlib.suppress(OSError):
        found = re.search(rf"^{entry}:\s+(\d+) kB", _STATUS.read_text(encoding="ascii"), re.M)
        return int(found[1]) * 1024 if found else None
    return None
