"""Where service requests wait for their turn, beside the executor."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

MAX_WAITING = 32  # requests in a lane; more are refused


class RequestLane:
    """One thread that works off requests in turn; nothing queues without bound."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._places = threading.BoundedSemaphore(MAX_WAITING)

    def submit(self, work: Callable[[], None]) -> bool:
        """Do it in turn; False when too many wait already."""
        if not self._places.acquire(blocking=False):
            return False
        self._pool.submit(work).add_done_callback(lambda _: self._places.release())
        return True

    def close(self) -> None:
        """Drop what waits; what runs ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
