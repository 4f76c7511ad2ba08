"""Work that a page asks for: done in the engine's queue, told of in one line."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from html import escape
from typing import Any

from seg3d_ros.engine.job_queue import JobQueue, Priority
from seg3d_ros.engine.map_segmentation import EmptyMapError
from seg3d_ros.errors import DeviceLostError, InputError
from seg3d_ros.objects.ids import UnknownObjectError
from seg3d_ros.objects.query import NoEmbeddingsError
from seg3d_ros.objects.storage import MapFileError
from seg3d_ros.segmenters.segmenter import NothingThereError

log = logging.getLogger(__name__)

# Their message says what to do; any other error is a fault of the program.
TOLD = (
    InputError, UnknownObjectError, OSError, ImportError, MapFileError, EmptyMapError,
    NoEmbeddingsError, NothingThereError, DeviceLostError,
)  # fmt: skip
_ERROR_SECONDS = 10.0
_MAX_TEXT = 300  # characters of a line

Work = Callable[[], str]


class Tasks:
    """Runs the work of the pages beside viser's own threads.

    Work returns a sentence about its result, or an empty one.
    """

    def __init__(self, jobs: JobQueue, gui: Any) -> None:
        """Add the line, empty, to a panel that is being built."""
        self._jobs = jobs
        self._line = gui.add_html("")
        self._under_way: dict[int, str] = {}
        self._last = ""
        self._number = 0
        self._lock = threading.Lock()

    def run(self, what: str, priority: Priority, work: Work, *, client: Any = None) -> None:
        """Do some work in its turn.

        Args:
            what: shown while it is under way, such as "saving".
            priority: in the engine's queue.
            work: to be done.
            client: page that is told of a failure; None: only the line tells.
        """
        with self._lock:
            self._number += 1
            number = self._number
            self._under_way[number] = what
        self._show()

        def run() -> None:
            self._end(number, self._result(what, work, client))

        if not self._jobs.submit(priority, run, on_drop=lambda: self._end(number, "")):
            self._end(number, f"{what}: too much is waiting; try again")

    def tell(self, sentence: str) -> None:
        """Show a sentence until the next one."""
        self._last = sentence
        self._show()

    def _result(self, what: str, work: Work, client: Any) -> str:
        try:
            return work()
        except TOLD as error:
            reason = str(error)
        except Exception as error:
            log.exception("%s failed", what)
            reason = f"{type(error).__name__}; the log has more"
        if client is not None:
            client.add_notification(
                f"{what} failed", reason[:_MAX_TEXT], color="red",
                auto_close_seconds=_ERROR_SECONDS,
            )  # fmt: skip
        return f"{what} failed: {reason}"

    def _end(self, number: int, sentence: str) -> None:
        with self._lock:
            self._under_way.pop(number, None)
        self._last = sentence or self._last
        self._show()

    def _show(self) -> None:
        with self._lock:
            now = ", ".join(f"{what} …" for what in self._under_way.values())
            self._line.content = line(now or self._last)


def line(text: str) -> str:
    """A line of plain text as HTML."""
    return f'<p style="font-size:0.8em;margin:0.3em 1em">{escape(text[:_MAX_TEXT])}</p>'
