"""Integration thread: frames wait for their pose, are decoded and join the map."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.inbox import Inbox
from seg3d_ros.engine.pending_frame import PendingFrame
from seg3d_ros.engine.source_clocks import SourceClocks
from seg3d_ros.engine.source_stats import SourceStats
from seg3d_ros.engine.throttle import Throttle
from seg3d_ros.errors import InputError
from seg3d_ros.mapping.voxel_map import IntegrationReport
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

POLL_S = 0.01  # how often a waiting frame asks for its transform
STOP_S = 1.0  # a frame that takes longer is not waited for


class Transforms(Protocol):
    """Poses of frames at a time. Never blocks."""

    def lookup(self, target: str, source: str, stamp_ns: int | None) -> Float64:
        """(4, 4) target_from_source at that time, None: the newest; raises TransformError."""

    def clear(self) -> None:
        """Forget everything that moves, after time went back."""


class Integrator:
    """Feeds the engine from pending frames in one thread of its own.

    `offer` may be called from any thread and never blocks: what the `Inbox` cannot hold is
    dropped and counted.

    Attributes:
        tf_timeout: longest wait of a frame for its transform, seconds.
    """

    def __init__(
        self,
        engine: Engine,
        transforms: Transforms,
        *,
        fixed_frame: str,
        tf_timeout: float,
        on_time_jump: Callable[[], None],
    ) -> None:
        self.tf_timeout = tf_timeout
        self._engine = engine
        self._transforms = transforms
        self._fixed_frame = fixed_frame
        self._on_time_jump = on_time_jump
        self._inbox = Inbox(self._is_placed)
        self._stats: Mapping[str, SourceStats] = {}
        self._clocks = SourceClocks()
        self._wake = threading.Condition()
        self._stopping = False
        self._throttle = Throttle(log)
        self._thread = threading.Thread(target=self._run, name="integrator", daemon=True)

    def start(self, stats: Mapping[str, SourceStats]) -> None:
        """Begin; `stats` count the fates of the frames of each source."""
        self._stats = stats
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what waits is dropped, a frame that takes over STOP_S ends by itself."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join(STOP_S)

    def offer(self, frame: PendingFrame) -> None:
        """Take a frame in."""
        stats = self._stats[frame.source]
        with self._wake:
            verdict = self._clocks.follow(frame)
            if verdict.source_went_back:
                late = self._inbox.drop_after(frame.source, frame.stamp_ns + JUMP_NS)
                stats.count_dropped("time went back", late)
                log.warning(
                    "the stamps of %s went back to %.1f s", frame.source, frame.stamp_ns / 1e9
                )
            if verdict.time_went_back:
                log.warning("time went back: moving transforms are forgotten")
                self._transforms.clear()
                self._on_time_jump()
            for dropped in self._inbox.put(frame):
                self._count_overrun(dropped, stats)
            self._wake.notify()

    def _is_placed(self, frame: PendingFrame) -> bool:
        try:
            self._transforms.lookup(self._fixed_frame, frame.frame_id, frame.stamp_ns)
        except ExtrapolationError as error:
            return error.is_past
        except (TransformError, InputError):
            return False
        return True

    def _count_overrun(self, frame: PendingFrame, stats: SourceStats) -> None:
        if self._is_placed(frame):
            stats.count_dropped("overrun")
        else:
            stats.count_dropped("no transform", detail="more frames wait for theirs than fit")

    def _run(self) -> None:
        while True:
            with self._wake:
                if self._stopping:
                    return
                sources = self._inbox.sources()
                if not sources:
                    self._wake.wait()
                    continue
            handled = [self._handle_front(source) for source in sources if not self._stopping]
            if not any(handled):
                with self._wake:
                    self._wake.wait(POLL_S)

    def _handle_front(self, source: str) -> bool:
        """Handle the oldest frame of a source, chosen in its turn: others may have been slow."""
        with self._wake:
            frame = self._inbox.front(source)
        return frame is not None and self._handle(frame)

    def _handle(self, frame: PendingFrame) -> bool:
        """Integrate or drop a frame; False when it has to wait."""
        stats = self._stats[frame.source]
        missing = f"transform {self._fixed_frame} → {frame.frame_id}"
        taken = False
        try:
            if not frame.frame_id:
                raise InputError(
                    "its header has no frame_id; let the driver name the sensor's frame"
                )
            pose = self._transforms.lookup(self._fixed_frame, frame.frame_id, frame.stamp_ns)
            if frame.color_frame_id:
                missing = f"transform {frame.color_frame_id} → {frame.frame_id}"
            color_from_depth = self._color_from_depth(frame)
            stats.wait_for("")
            taken = self._take(frame)
            if taken:
                self._integrate(frame, stats, pose, color_from_depth)
        except TransformError as error:
            if not self._is_too_late(frame, error):
                return False
            if self._take(frame):
                self._drop(frame, stats, "no transform", str(error))
                stats.wait_for(missing)
        except InputError as error:
            if taken or self._take(frame):
                self._drop(frame, stats, "malformed", str(error))
        except Exception:
            # One bad frame must not end the thread.
            source = frame.source
            self._throttle.warning(
                source + " failed", "integrating a frame of %s failed", source, traceback=True
            )
            if taken or self._take(frame):
                stats.count_dropped("internal error")
        return True

    def _color_from_depth(self, frame: PendingFrame) -> Float64 | None:
        """Transform between the frames of colour and depth where they differ.

        Raises:
            TransformError: it is not known.
        """
        if not frame.color_frame_id:
            return None
        colors, depth = frame.color_frame_id, frame.frame_id
        try:
            return self._transforms.lookup(colors, depth, frame.stamp_ns)
        except (UnknownFrameError, NotConnectedError) as error:
            raise NotConnectedError(f"{unregistered_text(colors, depth)}: {error}") from error

    def _is_too_late(self, frame: PendingFrame, error: TransformError) -> bool:
        waited = time.monotonic() - frame.received_s
        from_the_past = isinstance(error, ExtrapolationError) and error.is_past
        return from_the_past or waited > self.tf_timeout

    def _integrate(
        self,
        pending: PendingFrame,
        stats: SourceStats,
        pose: Float64,
        color_from_depth: Float64 | None,
    ) -> None:
        with self._engine.timings.measure("decode"):
            measured = pending.read(color_from_depth)
        if measured.frame_from_sensor is not None:
            pose = pose @ measured.frame_from_sensor
        frame = Frame(
            measured.points,
            measured.colors,
            pending.stamp_ns,
            pose,
            grid=measured.grid,
            camera=measured.camera,
            source=pending.source,
            frame_id=pending.frame_id,
        )
        report = self._engine.integrate(frame)
        if report.points_used:
            stats.count_integrated()
        else:
            self._drop(pending, stats, *self._why_unused(report, pose))
        latency = time.monotonic() - pending.received_s
        self._engine.timings.record("arrival to map", latency)

    def _why_unused(self, report: IntegrationReport, pose: Float64) -> tuple[str, str]:
        """Reason and sentence for a frame of which no point came into the map."""
        if not report.points_outside:
            return "no valid points", "it has no point within the limits"
        voxel_map = self._engine.map
        away = np.abs(voxel_map.grid.local_from_map(pose[:3, 3])).max()
        return "beyond the map", (
            f"positions are {away / 1000:.0f} km from the origin of the map; at most "
            f"{voxel_map.reach / 1000:.2f} km; clear the map (~/clear_map) to begin one there"
        )

    def _drop(self, frame: PendingFrame, stats: SourceStats, reason: str, why: str) -> None:
        stats.count_dropped(reason, detail=why)
        self._throttle.warning(
            frame.source + reason, "frame of %s dropped: %s", frame.source, why or reason
        )

    def _take(self, frame: PendingFrame) -> bool:
        """Remove a frame from the inbox; False when an overrun or a time jump has done so."""
        with self._wake:
            return self._inbox.take(frame)
