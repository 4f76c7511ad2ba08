"""Heap of the process: glibc's allocator, set for big messages that come and go."""

from __future__ import annotations

import ctypes
import gc
import os
from typing import Any

# As in tools/env.sh. The memory of a frame is kept for the next one: taken from the system anew it
# costs thousands of page faults. One arena holds it for all threads: with the usual eight a core,
# each keeps what its threads once needed at most, and the sum grows for hours.
MALLOC = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TRIM_THRESHOLD_": "536870912",
}
_PARAMETERS = {  # of mallopt, in malloc.h
    "MALLOC_ARENA_MAX": -8,
    "MALLOC_MMAP_THRESHOLD_": -3,
    "MALLOC_TRIM_THRESHOLD_": -1,
}


def configure_heap() -> None:
    """Apply MALLOC to this process; variables that the user has set stay as they are.

    Call it before threads start: an arena that exists is not given up.
    """
    mallopt = _glibc("mallopt")
    if mallopt is None:
        return
    for name, value in MALLOC.items():
        if name not in os.environ:
            mallopt(_PARAMETERS[name], int(value))


def give_back_free_memory() -> None:
    """Free what only cycles hold, and return all memory that is kept for reuse to the system."""
    gc.collect()
    trim = _glibc("malloc_trim")
    if trim is not None:
        trim(0)


def _glibc(name: str) -> Any:
    """Function of the C library, None where it has no such function (musl, macOS)."""
    return getattr(ctypes.CDLL(None), name, None)
