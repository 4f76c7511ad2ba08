"""Editor of tracks: applies edits by hand, and takes them back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from seg3d_ros.errors import InputError
from seg3d_ros.objects.edit_history import KEPT_EDITS, UndoStep
from seg3d_ros.objects.edits import Delete, Lock, Merge, ObjectEdit, Rename, SplitOff, Undo
from seg3d_ros.objects.elements import Elements
from seg3d_ros.objects.events import Event, EventKind, Provenance
from seg3d_ros.objects.ids import UnknownObjectError
from seg3d_ros.objects.map_object import MapObject, with_elements
from seg3d_ros.objects.tracking import Track
from seg3d_ros.scene import Bool, MapGrid

_KINDS = {Merge: EventKind.MERGED, SplitOff: EventKind.SPLIT, Delete: EventKind.GONE}


@dataclass(frozen=True)
class EditReport:
    """Result of an edit.

    Attributes:
        message: a sentence.
        ids: objects that it left changed; those of a split are the rest and the part.
        kind: of its events.
        others: objects that are part of the first one now.
    """

    message: str
    ids: tuple[int, ...]
    kind: EventKind = EventKind.EDITED
    others: tuple[int, ...] = ()

    def events(self, stamp_ns: int, tracks: Sequence[Track]) -> list[Event]:
        """Events of the edit.

        Args:
            stamp_ns: of the newest frame.
            tracks: after the edit.
        """
        labels = {track.known.id: track.known.label for track in tracks}
        by_hand = Provenance.BY_HAND
        first = self.ids[0] if self.ids else 0
        if self.kind == EventKind.MERGED:
            return [
                Event(self.kind, other, stamp_ns, "", by_hand, other_id=first)
                for other in self.others
            ]
        if self.kind == EventKind.SPLIT:
            part = self.ids[-1]
            return [Event(self.kind, part, stamp_ns, labels[part], by_hand, other_id=first)]
        if self.kind == EventKind.GONE:
            return []  # told like all others that end
        return [
            Event(self.kind, number, stamp_ns, labels.get(number, ""), by_hand, text=self.message)
            for number in self.ids
        ]


class Editor:
    """Edits a list of tracks in place; remembers the last KEPT_EDITS. Its owner holds a lock."""

    def __init__(self) -> None:
        self._steps: deque[UndoStep] = deque(maxlen=KEPT_EDITS)

    @property
    def history(self) -> tuple[UndoStep, ...]:
        """Steps back from the newest edits, oldest first."""
        return tuple(self._steps)

    def restart(self, history: Iterable[UndoStep] = ()) -> None:
        """Go on with another history: the tracks are others."""
        self._steps.clear()
        self._steps.extend(history)

    def apply(
        self, tracks: list[Track], edit: ObjectEdit, grid: MapGrid, new_id: Callable[[], int]
    ) -> EditReport:
        """Make an edit.

        Args:
            tracks: changed in place.
            edit: to make.
            grid: of the elements.
            new_id: gives ids of new objects.

        Raises:
            UnknownObjectError: an object is not known; nothing is changed.
            InputError: the edit makes no sense here; nothing is changed.
        """
        if isinstance(edit, Undo):
            return self._undo(tracks, grid)
        ids = edit.ids if isinstance(edit, Delete | Merge | Lock) else (edit.id,)
        chosen = [_find(tracks, number) for number in ids]
        before = tuple(track.known for track in chosen)
        made = 0
        if isinstance(edit, Rename):
            message = _rename(chosen[0], edit)
        elif isinstance(edit, Delete):
            message = _delete(chosen)
        elif isinstance(edit, Lock):
            message = _lock(chosen, locked=edit.locked)
        elif isinstance(edit, Merge):
            message = _merge(tracks, chosen, grid)
        else:
            tracks.append(_split(chosen[0], edit, grid, new_id))
            made = tracks[-1].known.id
            message = f"object {made} is split off object {edit.id}"
        self._steps.append(UndoStep.of(edit, before, made))
        left = [track.known.id for track in [*chosen, *tracks[-1:]] if track in tracks]
        wanted = {*ids, made}
        changed = tuple(dict.fromkeys(number for number in left if number in wanted))
        kind = _KINDS.get(type(edit), EventKind.EDITED)
        return EditReport(message, changed, kind, tuple(n for n in ids if n not in changed))

    def _undo(self, tracks: list[Track], grid: MapGrid) -> EditReport:
        if not self._steps:
            raise InputError("there is no edit to undo")
        step = self._steps.pop()
        marks = {one.id: one for one in step.marks}
        ids = {*marks, step.made} - {0}  # that of tracks that wait
        now = [track for track in tracks if track.known.id in ids]
        if not now:
            raise InputError(f"the objects of the last edit ({step.name}) are gone from the map")
        if step.bodies:
            tracks[:] = [track for track in tracks if track not in now]
            now = _parted(step.bodies, _joined(track.known.elements for track in now), grid)
            tracks.extend(now)
        for track in now:
            track.known = marks[track.known.id].put_on(track.known)
        changed = tuple(track.known.id for track in now)
        return EditReport(f"undone: {step.name} of {_listed(changed)}", changed)


def _find(tracks: Sequence[Track], number: int) -> Track:
    for track in tracks:
        if track.shown and track.known.id == number:
            return track
    raise UnknownObjectError.of(number, sum(track.shown for track in tracks))


def _rename(track: Track, edit: Rename) -> str:
    track.known = replace(track.known, pinned_label=edit.name or None)
    return f"object {edit.id} is called {track.known.label!r}"


def _delete(chosen: Sequence[Track]) -> str:
    for track in chosen:
        track.known = replace(track.known, deleted=True)
    return f"deleted: {_listed(track.known.id for track in chosen)}"


def _lock(chosen: Sequence[Track], *, locked: bool) -> str:
    for track in chosen:
        track.known = replace(track.known, prompted=locked)
    return f"{'locked' if locked else 'free'}: {_listed(track.known.id for track in chosen)}"


def _merge(tracks: list[Track], chosen: Sequence[Track], grid: MapGrid) -> str:
    first, *others = chosen
    whole = _joined(track.known.elements for track in chosen)
    first.known = replace(with_elements(first.known, whole, grid), prompted=True)
    first.segmented_size = len(first.known)
    tracks[:] = [track for track in tracks if track not in others]
    merged = _listed(track.known.id for track in others)
    return f"merged into object {first.known.id}: {merged}"


def _split(track: Track, edit: SplitOff, grid: MapGrid, new_id: Callable[[], int]) -> Track:
    whole = track.known.elements
    taken: Bool = np.isin(whole.ids, edit.element_ids)
    if taken.all() or not taken.any():
        raise InputError(
            f"the part holds {int(taken.sum())} of the {len(taken)} voxels of object {edit.id}; "
            "click on the part, and with foreground false on what is to stay"
        )
    rest = with_elements(track.known, whole.select(~taken), grid)
    part = with_elements(track.known, whole.select(taken), grid)
    track.known = replace(rest, prompted=True)
    track.segmented_size = len(rest)
    part = replace(part, id=new_id(), prompted=True, pinned_label=edit.name or None, candidates=())
    return Track(part, segmented_size=len(part))


def _parted(before: Iterable[MapObject], pool: Elements, grid: MapGrid) -> list[Track]:
    """Objects with those of their former elements that are in a pool; of two, the first has it."""
    back = []
    for known in before:
        own = np.isin(pool.ids, known.element_ids)
        elements, pool = pool.select(own), pool.select(~own)
        if len(elements.ids):
            back.append(Track(with_elements(known, elements, grid), len(elements.ids)))
    return back


def _joined(parts: Iterable[Elements]) -> Elements:
    first, *others = parts
    for other in others:
        first = first.joined(other)
    return first


def _listed(ids: Iterable[int]) -> str:
    return ", ".join(map(str, ids))
