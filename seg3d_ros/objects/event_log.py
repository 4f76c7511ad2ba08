"""Log of the newest events, also as arrays of a map file."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.errors import InputError
from seg3d_ros.objects.events import KEPT_EVENTS, Event, EventKind, Place, Provenance
from seg3d_ros.objects.map_object import MapObject

_NUMBERS = ("kind", "id", "stamp_ns", "provenance", "other_id")
_TEXTS = ("label", "text")
_MAX_TEXT = 1000  # characters


class EventLog:
    """Newest KEPT_EVENTS events, oldest first. Its owner holds a lock."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=KEPT_EVENTS)
        self.events: tuple[Event, ...] = ()

    def add(self, events: Iterable[Event]) -> None:
        """Append events."""
        added = list(events)
        if added:
            self._events.extend(added)
            self.events = tuple(self._events)


def differences(
    before: Mapping[int, MapObject],
    after: Mapping[int, MapObject],
    told: Sequence[Event],
    stamp_ns: int,
    provenance: Provenance,
) -> list[Event]:
    """Events between two sets of known objects by id.

    Args:
        before: objects before.
        after: objects now.
        told: events that are known already; their objects are not told of again.
        stamp_ns: of the newest frame.
        provenance: of the changes.
    """
    silent = {event.id for event in told} | {event.other_id for event in told}
    found = list(told)

    def tell(kind: EventKind, known: MapObject, text: str = "") -> None:
        if known.id not in silent:
            found.append(Event(kind, known.id, stamp_ns, known.label, provenance, text=text))

    for number in sorted(before.keys() - after.keys()):
        tell(EventKind.GONE, before[number])
    for number in sorted(after.keys() - before.keys()):
        tell(EventKind.APPEARED, after[number])
    for number in sorted(before.keys() & after.keys()):
        old, new = before[number], after[number]
        if old is not new and old.label != new.label:
            tell(EventKind.RELABELLED, new, f"called {new.label!r} in place of {old.label!r}")
    return found


def pack_events(events: Sequence[Event]) -> dict[str, npt.NDArray[Any]]:
    """Events as flat arrays without pickled parts."""
    arrays: dict[str, npt.NDArray[Any]] = {
        f"event_{name}": np.array([int(getattr(event, name)) for event in events], np.int64)
        for name in _NUMBERS
    }
    for name in _TEXTS:
        arrays[f"event_{name}"] = np.array([getattr(event, name) for event in events], np.str_)
    for name in ("start", "end"):
        places = [getattr(event, name) or (np.nan,) * 3 for event in events]
        arrays[f"event_{name}"] = np.array(places, np.float64).reshape(-1, 3)
    return arrays


def unpack_events(arrays: Mapping[str, npt.NDArray[Any]]) -> list[Event]:
    """Events of `pack_events`; none where a file has no such arrays. Trusts nothing.

    Raises:
        InputError: the arrays do not fit each other, or their values are impossible.
    """
    if "event_kind" not in arrays:
        return []
    try:
        numbers = [arrays[f"event_{name}"].astype(np.int64).tolist() for name in _NUMBERS]
        texts = [arrays[f"event_{name}"].tolist() for name in _TEXTS]
        places = [arrays[f"event_{name}"].reshape(-1, 3) for name in ("start", "end")]
        rows = list(zip(*numbers, *texts, *places, strict=True))[-KEPT_EVENTS:]
        return [_event(*row) for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"the stored events are damaged: {error!r}") from error


def _event(
    kind: int, number: int, stamp_ns: int, provenance: int, other_id: int, *rest: Any
) -> Event:
    label, text, start, end = rest
    return Event(
        EventKind(kind),
        number,
        stamp_ns,
        str(label)[:_MAX_TEXT],
        Provenance(provenance),
        other_id,
        str(text)[:_MAX_TEXT],
        _place(start),
        _place(end),
    )


def _place(values: npt.NDArray[Any]) -> Place | None:
    x, y, z = (float(value) for value in values)
    return (x, y, z) if np.isfinite(values).all() else None
