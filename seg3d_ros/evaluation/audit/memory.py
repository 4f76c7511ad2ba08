"""Peak memory of the running process, as Linux counts it."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

_STATUS = Path("/proc/self/status")


def start_peak() -> int | None:
    """Begin a new peak at the memory that is resident now; its bytes, None where unknown."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # see proc(5)
        return _bytes_of("VmRSS")
    return None


def peak_growth(start: int | None) -> float:
    """Bytes by which the peak since `start_peak` is above what it returned; NaN if unknown."""
    peak = _bytes_of("VmHWM")
    return float(peak - start) if peak is not None and start is not None else float("nan")


def _bytes_of(entry: str) -> int | None:
    with contextlib.suppress(OSError):
        found = re.search(rf"^{entry}:\s+(\d+) kB", _STATUS.read_text(encoding="ascii"), re.M)
        return int(found[1]) * 1024 if found else None
    return None
