"""Pose of the frame that a request is given in."""

from __future__ import annotations

import time
from contextlib import suppress

from seg3d_ros.node.transform_source import Lookup
from seg3d_ros.scene import Float64
from seg3d_ros.sensing.transform_buffer import ExtrapolationError, TransformError

POLL_S = 0.01  # how often a request asks for the transform it waits for


class RequestPose:
    """Pose of a request's frame at its stamp, or the newest where that is later.

    It is looked up when the request comes in, because the request may wait for its turn until
    that time is forgotten. RViz stamps a click with the computer's clock: some milliseconds ahead
    of the transforms, or years ahead of those of a simulation. The former come within the timeout;
    a map hardly changes in that time.
    """

    def __init__(
        self,
        transforms: Lookup,
        target: str,
        source: str,
        stamp_ns: int | None,
        *,
        timeout_s: float,
    ) -> None:
        """Look the pose up; never waits, and what fails is raised by `wait`.

        Args:
            transforms: where to look.
            target: frame in which coordinates come out.
            source: frame in which they go in.
            stamp_ns: nanoseconds; None for the newest.
            timeout_s: longest wait for transforms as late as the stamp, seconds from now.
        """
        self._transforms = transforms
        self._target = target
        self._source = source
        self._stamp_ns = stamp_ns
        self._end = time.monotonic() + timeout_s
        self._newest: Float64 | None = None  # at the time of the request, if its stamp is later
        self._found: Float64 | None = None
        with suppress(TransformError):  # it may be known when the request has its turn
            self._look_at_once(timeout_s)

    def wait(self) -> Float64:
        """(4, 4) target_from_source; blocks until it is known, at most until the timeout.

        Raises:
            TransformError: a frame is unknown, or the stamp lies before what is known.
        """
        while self._found is None:
            try:
                self._found = self._lookup(self._stamp_ns)
            except ExtrapolationError as error:
                if error.is_past and self._newest is not None:
                    self._found = self._newest  # the right one has come and been forgotten
                elif error.is_past or self._stamp_ns is None:
                    raise
                elif time.monotonic() > self._end:
                    self._found = self._lookup(None)
                else:
                    time.sleep(POLL_S)
        return self._found

    def _look_at_once(self, timeout_s: float) -> None:
        try:
            self._found = self._lookup(self._stamp_ns)
        except ExtrapolationError as error:
            if self._stamp_ns is None or error.is_past:
                return
            self._newest = self._lookup(None)
            if error.newest_ns is not None and self._stamp_ns - error.newest_ns > timeout_s * 1e9:
                self._found = self._newest

    def _lookup(self, stamp_ns: int | None) -> Float64:
        return self._transforms.lookup(self._target, self._source, stamp_ns)
