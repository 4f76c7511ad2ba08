"""Recognition of carried things: an object that vanished and a new one elsewhere are the same.

A newcomer can only be a thing that vanished if it was never in the map together with it: its
first sight is later than the last measurement of the other. So a twin that stands beside a thing
all the time does not steal its identity.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from seg3d_ros.objects.embedding import Embedding, with_view
from seg3d_ros.objects.events import Event, EventKind, Place
from seg3d_ros.objects.look import Look
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.tracking import Track
from seg3d_ros.scene import Float64

KEPT_VANISHED = 100  # objects whose return is waited for; the longest gone are dropped
_LEAST_LIKENESS = 0.5
_LEAVING_SHARE = 0.1  # of an object's voxels, seen to be gone
_LEAVING_LIKENESS = 0.67  # of an object of which the rest was not seen to be gone
_COLOR_SCALE = 0.15  # difference of mean colours, RGB in [0, 1], by which likeness drops to 1/e
_SIZE_WEIGHT, _COLOR_WEIGHT, _MEANING_WEIGHT = 1.0, 1.0, 2.0


@dataclass(frozen=True, eq=False)
class Vanished:
    """Object whose place was seen empty.

    Attributes:
        known: as it was last.
        look: when most of it was seen.
        observed_ns: stamp of the last view that measured much of it.
        least: likeness that a newcomer must have.
    """

    known: MapObject
    look: Look
    observed_ns: int
    least: float = _LEAST_LIKENESS


def likeness(
    look: Look,
    embeddings: Mapping[str, Embedding],
    other: Look,
    other_embeddings: Mapping[str, Embedding],
) -> float:
    """Likeness of two objects in [0, 1]: weighted geometric mean over size, colour, meaning."""
    small, large = np.minimum(look.extents, other.extents), np.maximum(look.extents, other.extents)
    size = float(np.mean(small / np.maximum(large, 1e-6)))
    color = float(np.exp(-np.linalg.norm(look.color - other.color) / _COLOR_SCALE))
    parts = [(size, _SIZE_WEIGHT), (color, _COLOR_WEIGHT)]
    spaces = [space for space in embeddings if space in other_embeddings]
    if spaces:
        cosines = [
            float(embeddings[space].vector @ other_embeddings[space].vector)
            for space in spaces
            if len(embeddings[space].vector) == len(other_embeddings[space].vector)
        ]
        parts += [(max(cosine, 0.0), _MEANING_WEIGHT / len(cosines)) for cosine in cosines]
    weight = sum(part[1] for part in parts)
    return float(np.exp(sum(w * np.log(max(value, 1e-6)) for value, w in parts) / weight))


def pair_up(
    vanished: Sequence[Vanished], newcomers: Sequence[tuple[MapObject, Look]]
) -> list[tuple[int, int]]:
    """Pairs (row of `vanished`, row of `newcomers`) that are one thing, most alike in sum."""
    from scipy.optimize import linear_sum_assignment  # a quarter of a second to import

    table = np.zeros((len(vanished), len(newcomers)))
    for row, gone in enumerate(vanished):
        for column, (known, look) in enumerate(newcomers):
            if known.first_seen_ns > gone.observed_ns:
                table[row, column] = likeness(
                    gone.look, gone.known.embeddings, look, known.embeddings
                )
    table[table < np.array([gone.least for gone in vanished])[:, None]] = 0.0
    rows, columns = linear_sum_assignment(table, maximize=True)
    found = table[rows, columns] > 0
    return list(zip(rows[found].tolist(), columns[found].tolist(), strict=True))


class LostAndFound:
    """Vanished objects, and their reunion with newcomers elsewhere. Its owner holds a lock."""

    def __init__(self) -> None:
        self._vanished: deque[Vanished] = deque(maxlen=KEPT_VANISHED)

    def forget(self) -> None:
        """Drop all that vanished."""
        self._vanished.clear()

    def lose(self, tracks: Iterable[Track]) -> None:
        """Remember known objects whose place was seen empty."""
        for track in tracks:
            if track.shown and track.look is not None:
                self._vanished.append(_vanished(track))

    def reunite(self, tracks: Sequence[Track], stamp_ns: int) -> tuple[list[Event], list[Track]]:
        """Give newcomers the ids of the vanished objects that they are.

        An object of which a part was seen to be gone, and little else seen since, may have been
        carried away too: the rest of its place is out of sight.

        Args:
            tracks: newcomers among them are changed in place.
            stamp_ns: of the newest frame.

        Returns:
            Moves, and the tracks that end because their object is elsewhere.
        """
        fresh = [track for track in tracks if track.shown and track.fresh and track.look]
        leaving = [track for track in tracks if _is_leaving(track)]
        if not fresh or not (self._vanished or leaving):
            return [], []
        newcomers = [(track.known, track.look) for track in fresh if track.look]
        gone = [*self._vanished, *(_vanished(track, _LEAVING_LIKENESS) for track in leaving)]
        events, ended = [], []
        pairs = pair_up(gone, newcomers)
        for row, column in pairs:
            if row >= len(self._vanished):
                ended.append(leaving[row - len(self._vanished)])
            events.append(_move(gone[row].known, fresh[column], stamp_ns))
        for row in sorted((row for row, _ in pairs if row < len(self._vanished)), reverse=True):
            del self._vanished[row]
        return events, ended


def _is_leaving(track: Track) -> bool:
    """Whether a part of an object was seen to be gone."""
    left = len(track.known)
    return (
        track.shown
        and not track.known.by_hand
        and track.look is not None
        and track.carved >= _LEAVING_SHARE * (left + track.carved)
    )


def _vanished(track: Track, least: float = _LEAST_LIKENESS) -> Vanished:
    assert track.look is not None
    observed_ns = max(track.observed_ns, track.known.first_seen_ns)
    return Vanished(track.known, track.look, observed_ns, least)


def _move(old: MapObject, track: Track, stamp_ns: int) -> Event:
    """Give a newcomer the identity of an object; the event that tells of it."""
    came_as, end = track.known.id, track.known.centroid
    track.known = reunited(old, track.known)
    track.fresh = False
    return Event(
        EventKind.MOVED,
        old.id,
        stamp_ns,
        track.known.label,
        other_id=came_as,
        text=f"carried {np.linalg.norm(end - old.centroid):.2f} m",
        start=_place(old.centroid),
        end=_place(end),
    )


def reunited(old: MapObject, new: MapObject) -> MapObject:
    """Object in its new place with the identity, the name and the views of before."""
    embeddings = old.embeddings
    for space, embedding in new.embeddings.items():
        embeddings = with_view(embeddings, space, embedding)
    return replace(
        new,
        id=old.id,
        first_seen_ns=old.first_seen_ns,
        views=old.views + new.views,
        embeddings=embeddings,
        pinned_label=new.pinned_label or old.pinned_label,
    )


def _place(centroid: Float64) -> Place:
    x, y, z = centroid.tolist()
    return x, y, z
