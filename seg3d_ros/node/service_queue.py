"""Queue of service requests, served beside the executor."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

MAX_WAITING = 32  # requests in a lane; more are refused


class RequestLane:
    """One thread that works off requests in turn; nothing queues without bound."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._places = threading.BoundedSemaphore(MAX_WAITING)

    def submit(self, work: Callable[[], None], *, on_drop: Callable[[], None]) -> bool:
        """Do it in turn.

        Args:
            work: runs in the lane's thread.
            on_drop: called in its place when the lane is closed before its turn comes.

        Returns:
            False when too many wait already; neither is called then.
        """
        if not self._places.acquire(blocking=False):
            return False

        def on_end(future: Future[None]) -> None:
            self._places.release()
            if future.cancelled():
                on_drop()

        try:
            future = self._pool.submit(work)
        except RuntimeError:  # closed by another thread just now
            self._places.release()
            on_drop()
        else:
            future.add_done_callback(on_end)
        return True

    def close(self) -> None:
        """Drop what waits; what runs ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
