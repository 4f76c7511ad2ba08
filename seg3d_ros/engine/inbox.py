"""Inbox: frames of all sources that wait for their pose or for the integration."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from seg3d_ros.engine.pending_frame import PendingFrame

BACKLOG = 8  # frames of a source that could be integrated and still wait; older ones are dropped
MAX_BYTES = 256 * 2**20  # held for one source

IsPlaced = Callable[[PendingFrame], bool]


class Inbox:
    """Queue of frames for each source, bounded by what can wait with reason.

    A frame without a pose waits for it as long as its owner allows, and memory. A frame with a
    pose waits for the integration alone: where that is too slow, the newest frames count.
    Not thread-safe; its owner holds a lock.
    """

    def __init__(self, is_placed: IsPlaced) -> None:
        """Start empty; `is_placed` tells whether the pose of a frame is known."""
        self._is_placed = is_placed
        self._queues: dict[str, deque[PendingFrame]] = {}

    def sources(self) -> list[str]:
        """Sources with a frame that waits."""
        return [source for source, queue in self._queues.items() if queue]

    def front(self, source: str) -> PendingFrame | None:
        """Oldest frame of a source, None when there is none."""
        queue = self._queues[source]
        return queue[0] if queue else None

    def put(self, frame: PendingFrame) -> list[PendingFrame]:
        """Append a frame to those of its source; returns the older ones that had to go."""
        queue = self._queues.setdefault(frame.source, deque())
        queue.append(frame)
        dropped = []
        if len(queue) > BACKLOG and self._is_placed(queue[-BACKLOG]):
            dropped += [queue.popleft() for _ in range(len(queue) - BACKLOG)]
        held = sum(waiting.size for waiting in queue)
        while held > MAX_BYTES and len(queue) > 1:
            dropped.append(queue.popleft())
            held -= dropped[-1].size
        return dropped

    def take(self, frame: PendingFrame) -> bool:
        """Remove a front; False when it has been dropped already."""
        queue = self._queues[frame.source]
        if not queue or queue[0] is not frame:
            return False
        queue.popleft()
        return True

    def drop_after(self, source: str, stamp_ns: int) -> int:
        """Drop the frames of a source that are stamped later; returns how many."""
        queue = self._queues.setdefault(source, deque())
        kept = [frame for frame in queue if frame.stamp_ns <= stamp_ns]
        count = len(queue) - len(kept)
        queue.clear()
        queue.extend(kept)
        return count
