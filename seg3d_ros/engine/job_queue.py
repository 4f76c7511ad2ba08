"""Job queue: what people wait for goes before what runs in the background."""

from __future__ import annotations

import enum
import heapq
import itertools
import logging
import threading
from collections.abc import Callable
from typing import NamedTuple

log = logging.getLogger(__name__)

MAX_WAITING = 32  # jobs of one priority; more are refused


class Priority(enum.IntEnum):
    """Order of jobs; a smaller one goes first."""

    QUERY = 0
    CLICK = 1
    EDIT = 2
    SEGMENT = 3
    ENCODE = 4


class _Job(NamedTuple):
    priority: Priority
    number: int  # jobs of one priority keep their order
    work: Callable[[], None]
    on_drop: Callable[[], None]


class JobQueue:
    """Priority queue with three threads, each of which goes down to another priority.

    A job is never interrupted. So that a query does not wait for a click, nor a click for a
    segmentation, one thread takes queries alone and one what a person waits for; the third takes
    everything and runs all long work of the networks, one job at a time.
    """

    def __init__(self) -> None:
        self._waiting: list[_Job] = []
        self._numbers = itertools.count()
        self._wake = threading.Condition()
        self._closed = False
        for lowest in (Priority.QUERY, Priority.EDIT, Priority.ENCODE):
            name = f"jobs down to {lowest.name.lower()}"
            threading.Thread(target=self._run, args=(lowest,), name=name, daemon=True).start()

    def submit(
        self, priority: Priority, work: Callable[[], None], *, on_drop: Callable[[], None]
    ) -> bool:
        """Run a job in its turn.

        Args:
            priority: of the job.
            work: runs in one of the threads.
            on_drop: called in its place when the queue is closed before its turn comes.

        Returns:
            False when too many of this priority wait already; neither is called then.
        """
        with self._wake:
            if sum(job.priority is priority for job in self._waiting) >= MAX_WAITING:
                return False
            closed = self._closed
            if not closed:
                job = _Job(priority, next(self._numbers), work, on_drop)
                heapq.heappush(self._waiting, job)
                self._wake.notify_all()
        if closed:
            on_drop()
        return True

    def give_way(self, priority: Priority) -> None:
        """Run what waits and goes before this priority; a long job calls it between its steps."""
        while job := self._next(Priority(priority - 1), wait=False):
            _run_job(job)

    def close(self) -> None:
        """Drop what waits; what runs ends by itself."""
        with self._wake:
            self._closed = True
            dropped, self._waiting = self._waiting, []
            self._wake.notify_all()
        for job in dropped:
            job.on_drop()

    def _run(self, lowest: Priority) -> None:
        while job := self._next(lowest, wait=True):
            _run_job(job)

    def _next(self, lowest: Priority, *, wait: bool) -> _Job | None:
        """Take the first job that goes down to a priority; None at the end, or if none waits."""
        with self._wake:
            while not self._closed:
                if self._waiting and self._waiting[0].priority <= lowest:
                    return heapq.heappop(self._waiting)
                if not wait:
                    return None
                self._wake.wait()
            return None


def _run_job(job: _Job) -> None:
    try:
        job.work()
    except Exception:
        log.exception("a job of priority %s failed", job.priority.name.lower())
