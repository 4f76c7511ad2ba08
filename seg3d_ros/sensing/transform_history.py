"""Samples of one transform over time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from seg3d_ros.sensing.pose_arithmetic import Rows, interpolated

MAX_SAMPLES = 5_000  # of one frame: 10 s at 500 Hz
# Successive samples beyond the cache's reach that make up a new history. Behind the newest one it
# takes one more: a second publisher whose clock lags must not win by chance.
CONFIRM_AHEAD = 2
CONFIRM_BEHIND = 3


@dataclass(frozen=True, eq=False)
class Link:
    """Transform of a frame in its parent."""

    parent: str
    parent_from_child: Rows


@dataclass
class _Samples:
    """Links of one child frame, sorted by time."""

    stamps: list[int] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)

    def add(self, stamp_ns: int, link: Link) -> None:
        """Store a sample; one of the same time gives way."""
        place = bisect_left(self.stamps, stamp_ns)
        if place < len(self.stamps) and self.stamps[place] == stamp_ns:
            self.links[place] = link
            return
        self.stamps.insert(place, stamp_ns)
        self.links.insert(place, link)

    def trim(self, cache_ns: int) -> None:
        """Drop what lies further back than the cache reaches, and what is too much."""
        oldest_kept = bisect_left(self.stamps, self.stamps[-1] - cache_ns)
        surplus = max(oldest_kept, len(self.stamps) - MAX_SAMPLES)
        del self.stamps[:surplus]
        del self.links[:surplus]

    def at(self, stamp_ns: int) -> Link | None:
        """Link at a time, None beyond the samples.

        Between samples with two parents the earlier one holds until the later one comes, as in
        tf2: there is nothing to interpolate.
        """
        after = bisect_right(self.stamps, stamp_ns)
        if after == 0:
            return None
        earlier, start = self.links[after - 1], self.stamps[after - 1]
        if start == stamp_ns:
            return earlier
        if after == len(self.stamps):
            return None
        later, end = self.links[after], self.stamps[after]
        if later.parent != earlier.parent:
            return earlier
        fraction = (stamp_ns - start) / (end - start)
        between = interpolated(earlier.parent_from_child, later.parent_from_child, fraction)
        return Link(earlier.parent, between)


@dataclass
class History(_Samples):
    """Samples of one child frame; a static one has a single sample.

    `outliers` are the newest samples in a row that lie beyond the cache's reach. One wrong stamp
    must not cost the history, and a clock that was set must not be refused for ever: they hold at
    their own times, and replace the history when there are enough of them.
    """

    static: bool = False
    outliers: _Samples = field(default_factory=_Samples)

    def take(self, stamp_ns: int, link: Link, cache_ns: int) -> bool:
        """Store a sample; False for an outlier that others have yet to confirm."""
        if not self.stamps or abs(stamp_ns - self.stamps[-1]) <= cache_ns:
            self.outliers = _Samples()
            self.add(stamp_ns, link)
        elif not self._confirms(stamp_ns, link, cache_ns):
            return False
        self.trim(cache_ns)
        return True

    def at(self, stamp_ns: int) -> Link | None:
        """Link at a time, None beyond the samples; of a static frame at all times."""
        if self.static:
            return self.links[0]
        found = super().at(stamp_ns)
        return found if found is not None else self.outliers.at(stamp_ns)

    def _confirms(self, stamp_ns: int, link: Link, cache_ns: int) -> bool:
        """Count an outlier; with enough of them in order they replace the history."""
        newest, others = self.stamps[-1], self.outliers.stamps
        if others:
            same_side = (others[-1] > newest) == (stamp_ns > newest)
            if not same_side or stamp_ns < others[-1] - cache_ns:
                self.outliers = _Samples()
        self.outliers.add(stamp_ns, link)
        if len(self.outliers.stamps) < (CONFIRM_AHEAD if stamp_ns > newest else CONFIRM_BEHIND):
            return False
        self.stamps, self.links = self.outliers.stamps, self.outliers.links
        self.outliers = _Samples()
        return True
