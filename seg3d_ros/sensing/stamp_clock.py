"""Clock of one source of frames, followed by their stamps."""

from __future__ import annotations

import enum

JUMP_NS = 1_000_000_000  # stamps may lie this far before or after those around them
_GAP_GROWS = 3  # of two gaps in a row the second may be so many times the first


class Change(enum.Enum):
    """Change of a source's clock, as its newest stamp tells."""

    NONE = enum.auto()
    WENT_BACK = enum.auto()  # the clock was set back, as when a recording starts again
    AHEAD_REFUTED = enum.auto()  # the stamp before was far ahead, and wrong


class StampClock:
    """Clock followed by stamps: a jump holds only when the next stamp confirms it.

    Attributes:
        newest_ns: newest stamp that is no unconfirmed jump.
        suspect_ns: the stamp before, where that one jumped; None otherwise.
    """

    def __init__(self, first_ns: int) -> None:
        self.newest_ns = first_ns
        self.suspect_ns: int | None = None

    @property
    def is_back(self) -> bool:
        """Whether the last stamp lay far behind and is not confirmed yet."""
        return self.suspect_ns is not None and self.suspect_ns < self.newest_ns

    def follow(self, stamp_ns: int) -> Change:
        """Take the next stamp."""
        newest_ns, suspect_ns = self.newest_ns, self.suspect_ns
        was_ahead = suspect_ns is not None and suspect_ns > newest_ns
        if abs(stamp_ns - newest_ns) <= JUMP_NS:
            self.newest_ns, self.suspect_ns = max(newest_ns, stamp_ns), None
            return Change.AHEAD_REFUTED if was_ahead else Change.NONE
        same_side = suspect_ns is not None and was_ahead == (stamp_ns > newest_ns)
        if suspect_ns is None or not same_side or stamp_ns < suspect_ns - JUMP_NS:
            self.suspect_ns = stamp_ns
            return Change.AHEAD_REFUTED if was_ahead else Change.NONE
        if was_ahead and stamp_ns - suspect_ns > JUMP_NS + _GAP_GROWS * (suspect_ns - newest_ns):
            self.newest_ns, self.suspect_ns = suspect_ns, stamp_ns  # one gap, then a longer one
            return Change.NONE
        self.newest_ns, self.suspect_ns = max(stamp_ns, suspect_ns), None
        return Change.WENT_BACK if stamp_ns < newest_ns else Change.NONE
