"""The library logs, ROS listens: records of `logging` go to the node's logger."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from rclpy.impl.rcutils_logger import RcutilsLogger


class RosLogHandler(logging.Handler):
    """Forwards records to a ROS logger, tracebacks included."""

    def __init__(self, logger: RcutilsLogger) -> None:
        super().__init__()
        # rclpy allows one severity for each calling line, so each level has its own.
        self._by_level: list[tuple[int, Callable[[str], Any]]] = [
            (logging.ERROR, lambda text: logger.error(text)),
            (logging.WARNING, lambda text: logger.warning(text)),
            (logging.INFO, lambda text: logger.info(text)),
            (logging.NOTSET, lambda text: logger.debug(text)),
        ]

    def emit(self, record: logging.LogRecord) -> None:
        """Forward one record."""
        text = self.format(record)
        for level, forward in self._by_level:
            if record.levelno >= level:
                forward(text)
                return


def forward_library_logs(logger: RcutilsLogger) -> logging.Handler:
    """Send everything that the package logs to `logger`; returns the handler for removal."""
    handler = RosLogHandler(logger)
    library = logging.getLogger("seg3d_ros")
    library.setLevel(logging.DEBUG)
    library.addHandler(handler)
    library.propagate = False
    return handler
