"""Segmentation in the background, one at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from seg3d_ros.engine.job_queue import JobQueue, Priority
from seg3d_ros.engine.map_segmentation import EmptyMapError
from seg3d_ros.errors import DeviceLostError

log = logging.getLogger(__name__)


class BackgroundSegmentation:
    """Job that segments when asked to; a request that finds it under way is skipped.

    Attributes:
        runs: segmentations that ended well.
        skipped: requests that found one under way.
        failures: segmentations that raised.
    """

    def __init__(self, jobs: JobQueue, segment: Callable[[], object]) -> None:
        self.runs = self.skipped = self.failures = 0
        self._jobs = jobs
        self._segment = segment
        self._under_way = False
        self._lock = threading.Lock()

    @property
    def is_under_way(self) -> bool:
        """Whether one waits or runs."""
        return self._under_way

    def request(self) -> None:
        """Segment soon."""
        with self._lock:
            if self._under_way:
                self.skipped += 1
                return
            self._under_way = True  # before it is submitted: it may end before `submit` returns
            if not self._jobs.submit(Priority.SEGMENT, self._run, on_drop=lambda: None):
                self._under_way = False

    def _run(self) -> None:
        try:
            with suppress(EmptyMapError):
                self._segment()
            self.runs += 1
        except DeviceLostError as error:
            self.failures += 1
            log.critical("the node ends: %s", error)
        except Exception:
            # The next one gets a new chance: one bad scene must not end the segmentations.
            self.failures += 1
            log.exception("segmentation failed")
        finally:
            self._under_way = False
