"""Colour and depth of a camera, paired by stamp."""

from __future__ import annotations

from typing import Any, Generic, NamedTuple, TypeVar

Message = TypeVar("Message")

KEPT = 8  # unpaired messages a side; older ones are dropped and counted


class _Stamped(NamedTuple):
    stamp_ns: int
    message: Any


class StampPairer(Generic[Message]):
    """Pairs two streams of messages: equal stamps at once, near ones when nothing nearer can come.

    Not thread-safe: one executor thread adds to both sides.

    Attributes:
        slop_ns: how far apart two paired stamps may be, nanoseconds.
        unpaired: messages that were given up without a partner.
    """

    def __init__(self, slop_ns: int) -> None:
        self.slop_ns = slop_ns
        self.unpaired = 0
        self._sides: tuple[list[_Stamped], list[_Stamped]] = ([], [])

    def add(self, side: int, stamp_ns: int, message: Message) -> tuple[Message, Message] | None:
        """Add a message to side 0 or 1; returns a pair (side 0, side 1) that it completes."""
        queue = self._sides[side]
        if queue and stamp_ns < queue[-1].stamp_ns:  # time went back: nothing old can pair
            self._drop(side, len(queue))
        queue.append(_Stamped(stamp_ns, message))
        if len(queue) > KEPT:
            self._drop(side, len(queue) - KEPT)
        return self._exact(stamp_ns) or self._nearest()

    def _exact(self, stamp_ns: int) -> tuple[Message, Message] | None:
        at = [
            next((i for i, item in enumerate(queue) if item.stamp_ns == stamp_ns), None)
            for queue in self._sides
        ]
        return self._take(at[0], at[1]) if at[0] is not None and at[1] is not None else None

    def _nearest(self) -> tuple[Message, Message] | None:
        """Pair the two nearest messages once both sides have gone past the older one."""
        first, second = self._sides
        if not first or not second:
            return None
        gaps = [
            (abs(a.stamp_ns - b.stamp_ns), i, j)
            for i, a in enumerate(first)
            for j, b in enumerate(second)
        ]
        gap, i, j = min(gaps)
        older_side = 0 if first[i].stamp_ns < second[j].stamp_ns else 1
        at = (i, j)[older_side]
        settled = len(self._sides[older_side]) > at + 1  # its successor is known to be no nearer
        return self._take(i, j) if gap <= self.slop_ns and settled else None

    def _take(self, i: int, j: int) -> tuple[Message, Message]:
        pair = self._sides[0][i].message, self._sides[1][j].message
        for side, at in enumerate((i, j)):
            self.unpaired += at
            del self._sides[side][: at + 1]
        return pair

    def _drop(self, side: int, count: int) -> None:
        del self._sides[side][:count]
        self.unpaired += count
