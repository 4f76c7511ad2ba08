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

    def warning(
        self, condition: str, message: str, *values: object, traceback: bool = False
    ) -> None:
        """Log unless the same condition was logged within the period.

        Args:
            condition: what tells one line from another.
            message: format of the line.
            values: what the format takes.
            traceback: add that of the exception being handled, as an error.
        """
        now = time.monotonic()
        if now - self._last.get(condition, -PERIOD_S) < PERIOD_S:
            return
        if len(self._last) >= KEPT:
            self._last.clear()
        self._last[condition] = now
        level = logging.ERROR if traceback else logging.WARNING
        self._log.log(level, message, *values, exc_info=traceback)
