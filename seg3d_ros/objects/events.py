"""Events: changes of the objects of a map, for those who follow it."""

from __future__ import annotations

import enum
from dataclasses import dataclass

KEPT_EVENTS = 100

Place = tuple[float, float, float]


class EventKind(enum.IntEnum):
    """Kinds of events, with the numbers of Event.msg."""

    APPEARED = 1
    MOVED = 2
    RELABELLED = 3
    MERGED = 4
    SPLIT = 5
    GONE = 6
    EDITED = 7


class Provenance(enum.IntEnum):
    """Sources of events, with the numbers of Event.msg."""

    SEEN = 1
    RESTORED = 2
    BY_HAND = 3


@dataclass(frozen=True)
class Event:
    """Something that happened to an object.

    Attributes:
        kind: what.
        id: of the object.
        stamp_ns: of the newest frame at that time.
        label: of the object at that time.
        provenance: how it became known.
        other_id: MERGED: what it is part of from now on; SPLIT: what it was part of; MOVED: the id
            that it had in the new place at first, and that ended; 0: none.
        text: of a RELABELLED or EDITED event: what changed.
        start, end: of a MOVED event: centroid before and after, map frame, metres.
    """

    kind: EventKind
    id: int
    stamp_ns: int
    label: str = ""
    provenance: Provenance = Provenance.SEEN
    other_id: int = 0
    text: str = ""
    start: Place | None = None
    end: Place | None = None

    def sentence(self) -> str:
        """The event in words."""
        what = f"object {self.id} ({self.label})" if self.label else f"object {self.id}"
        if self.kind == EventKind.MERGED:
            return f"{what} is part of object {self.other_id}"
        if self.kind == EventKind.SPLIT:
            return f"{what} was part of object {self.other_id}"
        if self.text:
            return f"{what}: {self.text}"
        return f"{what} {self.kind.name.lower()}"
