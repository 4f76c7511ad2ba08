"""The integration thread: arrivals wait for their transform, are decoded and join the map."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

import numpy as np

from seg3d_ros.engine.perception import Perception
from seg3d_ros.mapping.voxel_map import IntegrationReport
from seg3d_ros.node.pending import Arrival, SourceRecord
from seg3d_ros.node.source_clocks import SourceClocks
from seg3d_ros.node.throttle import Throttle
from seg3d_ros.node.transform_source import TransformSource
from seg3d_ros.scene import Float64, Frame
from seg3d_ros.sensing.rgbd import unregistered_text
from seg3d_ros.sensing.stamp_clock import JUMP_NS
from seg3d_ros.sensing.transform_buffer import (
    ExtrapolationError,
    NotConnectedError,
    TransformError,
    UnknownFrameError,
)

log = logging.getLogger(__name__)

PENDING = 8  # arrivals a source that may wait for a transform or the integration
POLL_S = 0.01  # how often a waiting arrival asks for its transform


class Integrator:
    """Feeds a perception from arrivals in one thread of its own.

    `offer` may be called from any thread and never blocks: when a source has PENDING arrivals
    waiting, its oldest one is dropped and counted.
    """

    def __init__(
        self,
        perception: Perception,
        transforms: TransformSource,
        *,
        fixed_frame: str,
        tf_timeout: float,
        on_time_jump: Callable[[], None],
    ) -> None:
        self.tf_timeout = tf_timeout
        self._perception = perception
        self._transforms = transforms
        self._fixed_frame = fixed_frame
        self._on_time_jump = on_time_jump
        self._pending: dict[str, deque[Arrival]] = {}
        self._records: dict[str, SourceRecord] = {}
        self._clocks = SourceClocks()
        self._wake = threading.Condition()
        self._stopping = False
        self._throttle = Throttle(log)
        self._thread = threading.Thread(target=self._run, name="integrator", daemon=True)

    def start(self, records: dict[str, SourceRecord]) -> None:
        """Begin; `records` are the counters of the sources."""
        self._records = records
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what is still waiting is dropped."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()

    def offer(self, arrival: Arrival) -> None:
        """Take an arrival in."""
        with self._wake:
            queue = self._pending.setdefault(arrival.source, deque())
            record = self._records[arrival.source]
            verdict = self._clocks.follow(arrival)
            if verdict.source_went_back:
                self._drop_later(queue, arrival, record)
            if verdict.time_went_back:
                log.warning("time went back: moving transforms are forgotten")
                self._transforms.clear()
                self._on_time_jump()
            if len(queue) >= PENDING:
                queue.popleft()
                record.count_dropped("overrun")
            queue.append(arrival)
            self._wake.notify()

    def _drop_later(self, queue: deque[Arrival], arrival: Arrival, record: SourceRecord) -> None:
        """Drop what waits from before the clock of a source was set back."""
        kept = [item for item in queue if item.stamp_ns <= arrival.stamp_ns + JUMP_NS]
        record.count_dropped("time went back", len(queue) - len(kept))
        queue.clear()
        queue.extend(kept)
        log.warning("the stamps of %s went back to %.1f s", arrival.source, arrival.stamp_ns / 1e9)

    def _run(self) -> None:
        while True:
            with self._wake:
                if self._stopping:
                    return
                fronts = [queue[0] for queue in self._pending.values() if queue]
                if not fronts:
                    self._wake.wait()
                    continue
            handled = [self._handle(arrival) for arrival in fronts]
            if not any(handled):
                with self._wake:
                    self._wake.wait(POLL_S)

    def _handle(self, arrival: Arrival) -> bool:
        """Integrate or drop an arrival; False when it has to wait."""
        record = self._records[arrival.source]
        missing = f"transform {self._fixed_frame} → {arrival.frame_id}"
        taken = False
        try:
            pose = self._transforms.lookup(self._fixed_frame, arrival.frame_id, arrival.stamp_ns)
            if arrival.color_frame_id:
                missing = f"transform {arrival.color_frame_id} → {arrival.frame_id}"
            color_from_depth = self._color_from_depth(arrival)
            record.wait_for("")
            taken = self._take(arrival)
            if taken:
                self._integrate(arrival, record, pose, color_from_depth)
        except TransformError as error:
            if not self._is_too_late(arrival, error):
                return False
            if self._take(arrival):
                self._drop(arrival, record, "no transform", str(error))
                record.wait_for(missing)
        except ValueError as error:
            if taken or self._take(arrival):
                self._drop(arrival, record, "malformed", str(error))
        except Exception:
            # One bad frame must not end the thread.
            source = arrival.source
            self._throttle.warning(
                source + " failed", "integrating a frame of %s failed", source, traceback=True
            )
            if taken or self._take(arrival):
                record.count_dropped("internal error")
        return True

    def _color_from_depth(self, arrival: Arrival) -> Float64 | None:
        """Transform between the frames of colour and depth where they differ.

        Raises:
            TransformError: it is not known.
        """
        if not arrival.color_frame_id:
            return None
        colors, depth = arrival.color_frame_id, arrival.frame_id
        try:
            return self._transforms.lookup(colors, depth, arrival.stamp_ns)
        except (UnknownFrameError, NotConnectedError) as error:
            raise NotConnectedError(f"{unregistered_text(colors, depth)}: {error}") from error

    def _is_too_late(self, arrival: Arrival, error: TransformError) -> bool:
        waited = time.monotonic() - arrival.received_s
        from_the_past = isinstance(error, ExtrapolationError) and error.is_past
        return from_the_past or waited > self.tf_timeout

    def _integrate(
        self,
        arrival: Arrival,
        record: SourceRecord,
        pose: Float64,
        color_from_depth: Float64 | None,
    ) -> None:
        with self._perception.timings.measure("decode"):
            measured = arrival.read(color_from_depth)
        if measured.frame_from_sensor is not None:
            pose = pose @ measured.frame_from_sensor
        frame = Frame(
            measured.points,
            measured.colors,
            arrival.stamp_ns,
            pose,
            grid=measured.grid,
            camera=measured.camera,
            source=arrival.source,
        )
        report = self._perception.integrate(frame)
        if report.points_used:
            record.count_integrated()
        else:
            self._drop(arrival, record, *self._why_unused(report, pose))
        latency = time.monotonic() - arrival.received_s
        self._perception.timings.record("arrival to map", latency)

    def _why_unused(self, report: IntegrationReport, pose: Float64) -> tuple[str, str]:
        """Reason and sentence for a frame of which no point came into the map."""
        if not report.points_outside:
            return "no valid points", "it has no point within the limits"
        voxel_map = self._perception.map
        away = np.abs(voxel_map.grid.local_from_map(pose[:3, 3])).max()
        return "beyond the map", (
            f"positions are {away / 1000:.0f} km from the origin of the map; at most "
            f"{voxel_map.reach / 1000:.2f} km; clear the map (~/clear_map) to begin one there"
        )

    def _drop(self, arrival: Arrival, record: SourceRecord, reason: str, why: str) -> None:
        record.count_dropped(reason, detail=why)
        self._throttle.warning(
            arrival.source + reason, "frame of %s dropped: %s", arrival.source, why or reason
        )

    def _take(self, arrival: Arrival) -> bool:
        """Remove an arrival from its queue; False when an overrun or a time jump has done so."""
        with self._wake:
            queue = self._pending[arrival.source]
            if not queue or queue[0] is not arrival:
                return False
            queue.popleft()
            return True
