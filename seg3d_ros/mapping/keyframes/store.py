"""Store of keyframes: chosen while frames come in, packed beside."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from seg3d_ros.mapping.keyframes.coverage import Coverage
from seg3d_ros.mapping.keyframes.keyframe import Keyframe, pack_view, view_of
from seg3d_ros.mapping.keyframes.settings import ViewSettings
from seg3d_ros.scene import Frame

log = logging.getLogger(__name__)

_MOST_WAITING = 2  # frames to be packed; while so many wait no other is taken
_MB = 10**6


class _Job(NamedTuple):
    frame: Frame
    keyframe_id: int
    sharpness: float
    epoch: int


class KeyframeStore:
    """Keyframes of a map, bounded by bytes; the least useful go first. Thread-safe.

    Attributes:
        settings: may be replaced at any time; they hold from the next keyframe on.
    """

    def __init__(self, settings: ViewSettings | None = None) -> None:
        self.settings = settings or ViewSettings()
        self._wake = threading.Condition()
        self._waiting: deque[_Job] = deque()
        self._packing = False
        self._epoch = 0
        self._next_id = 1
        self._in_use: frozenset[int] = frozenset()
        self._coverage = Coverage()
        self._keyframes: dict[int, Keyframe] = {}
        self._all: tuple[Keyframe, ...] = ()

    def all(self) -> tuple[Keyframe, ...]:
        """The keyframes, by id."""
        return self._all

    @property
    def next_id(self) -> int:
        """Id of the next keyframe."""
        return self._next_id

    @property
    def size(self) -> int:
        """Bytes that the keyframes hold."""
        return sum(keyframe.size for keyframe in self._all)

    def offer(self, frame: Frame) -> bool:
        """Take a frame that shows something new; returns whether it does.

        Costs a look at some hundred of its pixels. The frame is packed elsewhere, and must not be
        written to.
        """
        if frame.grid is None or not self.settings.memory:
            return False
        with self._wake:
            if len(self._waiting) >= _MOST_WAITING:
                return False
            candidate = self._coverage.examine(frame)
            if candidate is None:
                return False
            job = _Job(frame, self._next_id, candidate.sharpness, self._epoch)
            self._next_id += 1
            self._coverage.take(job.keyframe_id, candidate, frame.stamp_ns)
            self._waiting.append(job)
            if not self._packing:
                self._packing = True
                threading.Thread(target=self._run, name="keyframes", daemon=True).start()
        return True

    def wait(self) -> None:
        """Wait until every frame that was taken is packed."""
        with self._wake:
            self._wake.wait_for(lambda: not (self._waiting or self._packing))

    def keep(self, keyframe_ids: Iterable[int]) -> None:
        """Let the keyframes that are in use go last; replaces those named before."""
        self._in_use = frozenset(keyframe_ids)

    def clear(self) -> None:
        """Forget all keyframes; ids go on counting."""
        self.replace((), self._next_id)

    def replace(self, keyframes: Iterable[Keyframe], next_id: int) -> None:
        """Take the keyframes of a file in place of those that are here."""
        with self._wake:
            self._epoch += 1
            self._waiting.clear()
            self._in_use = frozenset()
            self._next_id = max(next_id, self._next_id)
            self._coverage = Coverage()
            self._keyframes = {keyframe.id: keyframe for keyframe in keyframes}
            for keyframe in self._keyframes.values():
                self._coverage.take_known(keyframe)
            self._enforce_bound()

    def _run(self) -> None:
        """Pack what waits, then end: a store that nobody needs any more leaves no thread."""
        while (job := self._next()) is not None:
            self._pack(job)
            del job  # the frame may be large

    def _next(self) -> _Job | None:
        with self._wake:
            self._packing = bool(self._waiting)
            self._wake.notify_all()
            return self._waiting.popleft() if self._waiting else None

    def _pack(self, job: _Job) -> None:
        try:
            keyframe = _packed(job)
        except Exception:
            # One bad frame must not stop the others.
            log.exception("a keyframe could not be packed")
            return
        with self._wake:
            if keyframe is not None and job.epoch == self._epoch:
                self._keyframes[keyframe.id] = keyframe
                self._drop_superseded()
                self._enforce_bound()

    def _drop_superseded(self) -> None:
        """Drop what others show as well."""
        for keyframe_id in list(self._keyframes):
            if not self._coverage.usefulness(keyframe_id) and keyframe_id not in self._in_use:
                self._drop(keyframe_id)

    def _enforce_bound(self) -> None:
        size = sum(keyframe.size for keyframe in self._keyframes.values())
        by_use = sorted(self._keyframes, key=self._use)
        for keyframe_id in by_use:
            if size <= self.settings.memory * _MB:
                break
            size -= self._keyframes[keyframe_id].size
            self._drop(keyframe_id)
        self._all = tuple(self._keyframes.values())

    def _use(self, keyframe_id: int) -> tuple[bool, int, int]:
        """Order in which keyframes go; of two that are as useful the older one."""
        return keyframe_id in self._in_use, self._coverage.usefulness(keyframe_id), keyframe_id

    def _drop(self, keyframe_id: int) -> None:
        del self._keyframes[keyframe_id]
        self._coverage.drop(keyframe_id)


def _packed(job: _Job) -> Keyframe | None:
    """Keyframe of a frame; None where it is no picture."""
    view = view_of(job.frame)
    if view is None:
        return None
    return pack_view(view, job.keyframe_id, source=job.frame.source, sharpness=job.sharpness)
