"""Log lines about a condition that persists, at a bounded rate."""

from __future__ import annotations

import logging
import time

PERIOD_S = 10.0
KEPT = 256  # conditions remembered; more are not told apart


class Throttle:
    """Warns once per PERIOD_S about each condition. Used from one thread."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._last: dict[str, float] = {}

    def warning(self, condition: str, message: str, *values: object) -> None:
        """Log unless the same condition was logged within the period."""
        now = time.monotonic()
        if now - self._last.get(condition, -PERIOD_S) < PERIOD_S:
            return
        if len(self._last) >= KEPT:
            self._last.clear()
        self._last[condition] = now
        self._log.warning(message, *values)
