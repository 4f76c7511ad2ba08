"""Player: a recording through an engine at its own pace, with pause and jumps."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.job_queue import Priority
from seg3d_ros.engine.map_segmentation import EmptyMapError
from seg3d_ros.recordings.recording import RecordedFrame, Recording, RecordingError, to_frame

log = logging.getLogger(__name__)

_SHOWN_EVERY_S = 0.5  # on the way to a frame that was jumped to


class Player:
    """Thread that fuses the frames of a recording.

    A jump ahead takes in all frames up to there; one back begins anew, since a map cannot forget
    a frame. Any thread may call anything.

    Attributes:
        position: number of frames in the map.
    """

    def __init__(
        self,
        recording: Recording,
        engine: Engine,
        *,
        segment_period: float,
        on_change: Callable[[], None],
    ) -> None:
        """Stand still before the first frame.

        Args:
            recording: to be played.
            engine: whose map takes the frames.
            segment_period: seconds of the recording between two segmentations.
            on_change: called when the position or the state has changed, from the thread.
        """
        self.position = 0
        self._recording = recording
        self._engine = engine
        self._segment_period = segment_period
        self._on_change = on_change
        self._playing = False
        self._target: int | None = None
        self._closed = False
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="player", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """Number of frames."""
        return len(self._recording)

    @property
    def playing(self) -> bool:
        """Whether frames go on coming."""
        return self._playing

    def play(self, playing: bool) -> None:
        """Go on, or pause; at the end begin again."""
        with self._wake:
            if playing and self.position >= len(self) and self._target is None:
                self._target = 0
            self._playing = playing
            self._wake.notify()

    def jump(self, position: int) -> None:
        """Go to a state with this number of frames in the map."""
        with self._wake:
            self._target = min(max(position, 0), len(self))
            self._wake.notify()

    def close(self) -> None:
        """End the thread."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        frames: Iterator[RecordedFrame] = self._recording.frames()
        while not self._closed:
            with self._wake:
                self._wake.wait_for(
                    lambda: self._closed or self._playing or self._target is not None
                )
                target, self._target = self._target, None
            if self._closed:
                return
            try:
                if target is None:
                    self._step(frames)
                    continue
                if target < self.position:
                    frames = self._recording.frames()
                    self._engine.clear()
                    self.position = 0
                self._go_to(frames, target)
            except RecordingError as error:
                log.error("%s", error)
                self._playing = False
                self._on_change()

    def _step(self, frames: Iterator[RecordedFrame]) -> None:
        """Take in one frame in the time that it took to be recorded."""
        end = time.monotonic() + 1 / self._recording.rate_hz
        if self._take(frames):
            if self._engine.state.scene is None:
                self._engine.publish_map()  # the first segmentation takes a while
            if self._engine.is_due(self._segment_period):
                self._engine.background.request()
        else:
            self._playing = False
            self._settle()
        self._on_change()
        with self._wake:
            interrupted = lambda: self._closed or self._target is not None  # noqa: E731
            self._wake.wait_for(interrupted, max(0.0, end - time.monotonic()))

    def _go_to(self, frames: Iterator[RecordedFrame], target: int) -> None:
        """Take in frames as fast as it goes, until another jump."""
        shown = time.monotonic()
        while self.position < target and self._target is None and not self._closed:
            if not self._take(frames):
                break
            if time.monotonic() - shown > _SHOWN_EVERY_S:
                self._engine.publish_map()
                self._on_change()
                shown = time.monotonic()
        self._engine.publish_map()
        self._settle()
        self._on_change()

    def _settle(self) -> None:
        """Segment the map that stands still, soon."""
        if not len(self._engine.map):
            return

        def settle() -> None:
            with suppress(EmptyMapError):  # a jump may have begun anew
                self._engine.settle()

        self._engine.jobs.submit(Priority.SEGMENT, settle, on_drop=lambda: None)

    def _take(self, frames: Iterator[RecordedFrame]) -> bool:
        recorded = next(frames, None)
        if recorded is None:
            return False
        self._engine.integrate(to_frame(recorded))
        self.position += 1
        return True
