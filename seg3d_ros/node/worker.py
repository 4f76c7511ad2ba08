"""One thread that segments, so that no callback ever waits for a network."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from seg3d_ros.segmenters.segmenter import DeviceLostError

log = logging.getLogger(__name__)

STOP_S = 1.0  # a job that takes longer is not waited for


class SegmentationWorker:
    """Runs a job on demand, one at a time, in a thread of its own.

    Nothing queues: a trigger that finds it busy is skipped and counted.

    Attributes:
        runs: jobs that ended well; others than the usual one are not counted.
        skipped: triggers that found the worker busy.
        failures: jobs that raised.
        lost: whether no job can end well any more; only a new process can go on.
    """

    def __init__(self, job: Callable[[], None]) -> None:
        self.runs = 0
        self.skipped = 0
        self.failures = 0
        self.lost = False
        self._job = job
        self._other: Callable[[], None] | None = None
        self._wake = threading.Condition()
        self._busy = False
        self._stopping = False
        self._thread = threading.Thread(target=self._loop, name="segmentation", daemon=True)
        self._thread.start()

    def trigger(self, other: Callable[[], None] | None = None) -> bool:
        """Start the job, or another one this time; False when the last one is still running."""
        with self._wake:
            if self._busy:
                self.skipped += 1
                return False
            self._busy = True
            self._other = other
            self._wake.notify_all()
            return True

    def stop(self) -> None:
        """End the thread; a job that still runs after STOP_S is left to end by itself."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        self._thread.join(STOP_S)

    def _loop(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._busy or self._stopping)
                if self._stopping:
                    return
            self._run_once()
            with self._wake:
                self._busy = False

    def _run_once(self) -> None:
        other, self._other = self._other, None
        try:
            (other or self._job)()
            self.runs += other is None
        except DeviceLostError as error:
            self.failures += 1
            self.lost = True
            log.critical("the node ends: %s", error)
        except Exception:
            # The next tick gets a new chance: one bad scene must not end the thread.
            self.failures += 1
            log.exception("segmentation failed")
