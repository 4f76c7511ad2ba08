"""Waiting for something that another thread or process does."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

PATIENCE = float(os.environ.get("SEG3D_TEST_PATIENCE", "1"))  # more on a machine under load
DEADLINE_S = 30.0


def wait_until(condition: Callable[[], Any], what: str, *, deadline_s: float = DEADLINE_S) -> Any:
    """Poll until the condition is true and return its value; fail after the deadline."""
    deadline_s *= PATIENCE
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {deadline_s:.0f} s")
