"""Forwarding of the library's log records to the node's logger."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from rclpy.impl.rcutils_logger import RcutilsLogger

LIBRARY = logging.getLogger("seg3d_ros")


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


def forward_library_logs(logger: RcutilsLogger) -> RosLogHandler:
    """Send everything that the package logs to `logger`; `stop_forwarding` takes it back."""
    handler = RosLogHandler(logger)
    LIBRARY.setLevel(logging.DEBUG)
    LIBRARY.addHandler(handler)
    LIBRARY.propagate = False
    return handler


def stop_forwarding(handler: RosLogHandler) -> None:
    """Remove the handler; after the last one, records go where Python's defaults send them."""
    LIBRARY.removeHandler(handler)
    if not any(isinstance(other, RosLogHandler) for other in LIBRARY.handlers):
        LIBRARY.setLevel(logging.NOTSET)
        LIBRARY.propagate = True
