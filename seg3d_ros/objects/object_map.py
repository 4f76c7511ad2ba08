"""ObjectMap: the things in the map and their identities over time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.errors import InputError
from seg3d_ros.mapping.voxel_map import NEVER
from seg3d_ros.objects.archive import pack_objects, unpack_objects
from seg3d_ros.objects.dormant import Dormant
from seg3d_ros.objects.edit_history import pack_history, unpack_history
from seg3d_ros.objects.editor import Editor, EditReport
from seg3d_ros.objects.edits import ForgetName, MapEdit, Rename
from seg3d_ros.objects.element_loss import keep_elements
from seg3d_ros.objects.elements import elements_of_scene
from seg3d_ros.objects.embedding import Embedding, with_view
from seg3d_ros.objects.event_log import EventLog, differences, pack_events, unpack_events
from seg3d_ros.objects.events import Event, EventKind, Provenance
from seg3d_ros.objects.ids import IdCounter, UnknownObjectError
from seg3d_ros.objects.labeller import Labeller
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.moves import LostAndFound
from seg3d_ros.objects.observation import Observation
from seg3d_ros.objects.prompted import find_clicked, prompted_object
from seg3d_ros.objects.prototypes import Prototype
from seg3d_ros.objects.settings import TrackingSettings
from seg3d_ros.objects.tracking import Track, note_measured
from seg3d_ros.objects.update import TrackingReport, take_in
from seg3d_ros.scene import Bool, Instances, Int64, MapGrid, Scene
from seg3d_ros.sparse.hash_index import build_index, find_rows
from seg3d_ros.text.labels import check_text
from seg3d_ros.text.vocabulary import Vocabulary

__all__ = ["ObjectMap", "TrackingReport", "TrackingSettings", "UnknownObjectError"]

logger = logging.getLogger(__name__)


class ObjectMap:
    """Keeps objects while segmentations come and go.

    A segment that fits no object waits until `confirm_views` segmentations have shown it; then it
    gets an id. Objects outside the scene are kept. Those made by a person (`add_prompted`) keep
    their voxels and their name, and end only when the map's voxels do.

    Any thread may call anything. One lock serialises the changes; `confirmed` and `get` read a
    finished tuple and never wait.
    """

    def __init__(self, settings: TrackingSettings | None = None) -> None:
        """Start empty."""
        self.settings = settings or TrackingSettings()  # may be replaced between updates
        self._lock = threading.Lock()
        self._labels = Labeller()
        self._ids = IdCounter()
        self._editor = Editor()
        self._lost = LostAndFound()
        self._dormant = Dormant()
        self._log = EventLog()
        self._by_id: dict[int, MapObject] = {}
        self._reset()

    def _reset(self) -> None:
        self._tracks: list[Track] = []
        self._stamp_ns = 0
        self._last_index = build_index(np.empty(0, np.int64))  # of the last segmented scene
        self._grid = MapGrid(0.0)  # of the newest scene
        self._labels.forget_floor()
        self._editor.restart()
        self._lost.forget()
        self._dormant.forget()
        self._by_id = {}  # their end is no event: the map is another one
        self._publish()

    def confirmed(self) -> tuple[MapObject, ...]:
        """All known objects, by id."""
        return self._confirmed

    def events(self) -> tuple[Event, ...]:
        """The newest events, oldest first."""
        return self._log.events

    def prototypes(self) -> tuple[Prototype, ...]:
        """Kinds of objects that a person has taught, by name."""
        return self._labels.taught.prototypes

    def get(self, object_id: int) -> MapObject:
        """The known object with an id.

        Raises:
            UnknownObjectError: there is none.
        """
        found = self._by_id.get(object_id)
        if found is None:
            raise UnknownObjectError.of(object_id, len(self._by_id))
        return found

    def update(self, scene: Scene, instances: Instances) -> TrackingReport:
        """Take in one segmentation of a scene.

        Raises:
            InputError: the masks are not over the scene's points.
        """
        if instances.masks.width != len(scene):
            raise InputError(
                f"masks cover {instances.masks.width} points, the scene has {len(scene)}"
            )
        with self._lock:
            # A bag that starts over brings older stamps: no time has passed then.
            elapsed_ns = max(0, scene.stamp_ns - self._stamp_ns)
            index = build_index(scene.element_ids)
            new = Observation(scene, instances, index, self._last_index, elapsed_ns)
            self._tracks, report = take_in(self._tracks, new, self.settings, self._identify)
            self._dormant.remember(report.ended)
            self._last_index, self._stamp_ns = index, scene.stamp_ns
            self._take_scene(scene)
            now = [t for t in self._tracks if t.known.last_seen_ns == scene.stamp_ns]
            self._labels.label(now, self._tracks)
            self._enforce_bound()
            self._publish(self._merged(report))
            return report

    def follow_map(self, last_seen: Callable[[Int64], Int64]) -> int:
        """Take voxels that have left the map out of the objects, and note which were measured.

        An object whose voxels are gone has vanished. If it, or what it may be, is found elsewhere,
        it keeps its id (see `moves`).

        Args:
            last_seen: maps (K,) element ids to (K,) int64 stamps of their newest measurement,
                NEVER where the map does not hold them.

        Returns:
            Number of objects that ended because most of their voxels are gone.
        """
        with self._lock:

            def held(element_ids: Int64) -> Bool:
                stamps = last_seen(element_ids)
                note_measured(self._tracks, stamps)
                return stamps != NEVER

            ended = self._keep(held, carved=True)
            self._lost.lose(ended)
            moved, left = self._lost.reunite(self._tracks, self._stamp_ns)
            self._tracks = [
                track for track in self._tracks if not any(track is gone for gone in left)
            ]
            ids = {event.id for event in moved}
            back = [track for track in self._tracks if track.known.id in ids]
            self._labels.label(back, self._tracks)
            self._publish(moved)
        return sum(track.confirmed for track in ended)

    def relabel(self, vocabulary: Vocabulary | None) -> None:
        """Name all objects, now and from now on, with a vocabulary; None: with none."""
        with self._lock:
            self._labels.vocabulary = vocabulary
            self._labels.label_known(self._tracks, steady=False)
            self._publish(relabelled=False)

    def add_embeddings(self, found: Mapping[int, Mapping[str, Embedding]]) -> None:
        """Take in embeddings of views by object id and space; unknown ids are skipped."""
        with self._lock:
            seen = [track for track in self._tracks if track.known.id in found]
            for track in seen:
                embeddings = track.known.embeddings
                for space, view in found[track.known.id].items():
                    embeddings = with_view(embeddings, space, view)
                track.known = replace(track.known, embeddings=embeddings)
            if any(track.known.pinned_label for track in seen):
                self._labels.learn(seen, self._tracks)
            else:
                self._labels.label(seen, self._tracks)
            self._publish()

    def add_prompted(
        self, scene: Scene, mask: Bool, *, name: str = "", refine_id: int = 0, score: float = 1.0
    ) -> MapObject:
        """Make an object of what a person pointed at; it takes its elements from all others.

        A mask that shares more than half with a known object is that object, seen better.

        Args:
            scene: what the person saw.
            mask: (N,) bool over its points.
            name: label the object keeps; empty: the one it has, else the vocabulary's.
            refine_id: object that gets this mask; its elements outside the scene stay. 0: the
                one that the mask shows, else a new one.
            score: confidence in [0, 1].

        Raises:
            InputError: the mask is empty or of another length, or the name is no printable text.
            UnknownObjectError: there is no object `refine_id`.
        """
        if mask.shape != (len(scene),) or not mask.any():
            raise InputError(
                f"the mask has shape {mask.shape} and {np.count_nonzero(mask)} points; "
                f"expected ({len(scene)},) and at least 1"
            )
        label = check_text(name, "the object's name") if name else None
        body = elements_of_scene(scene, np.flatnonzero(mask))
        taken = build_index(body.ids)
        with self._lock:
            track = (
                self._track_of(refine_id) if refine_id else find_clicked(self._tracks, scene, body)
            )
            known = track.known if track else None
            made = prompted_object(known, body, scene, name=label, score=score)
            made = replace(made, id=made.id or self._new_id())
            self._take_scene(scene)
            self._stamp_ns = scene.stamp_ns
            self._tracks = [other for other in self._tracks if other is not track]
            self._keep(lambda ids: find_rows(taken, ids) < 0, carved=False)
            self._tracks.append(Track(made, segmented_size=len(made)))
            if label:
                self._labels.taught.allow(label)
                self._labels.learn(self._tracks[-1:], self._tracks, (label,))
            else:
                self._labels.label(self._tracks[-1:], self._tracks)
            self._enforce_bound()
            self._publish(provenance=Provenance.BY_HAND)
            return self.get(made.id)

    def edit(self, edit: MapEdit) -> EditReport:
        """Edit objects by hand; automatic passes, save and load leave the edit as it is.

        Raises:
            UnknownObjectError: an object is not known; nothing is changed.
            InputError: the edit makes no sense here; nothing is changed.
        """
        with self._lock:
            if isinstance(edit, ForgetName):
                self._labels.taught.forget(edit.name)
                self._labels.label_known(self._tracks)
                self._publish(provenance=Provenance.BY_HAND)
                return EditReport(f"objects are no longer called {edit.name!r} by likeness", ())
            report = self._editor.apply(self._tracks, edit, self._grid, self._new_id)
            if isinstance(edit, Rename):
                self._labels.taught.allow(edit.name)
            edited = [track for track in self._tracks if track.known.id in report.ids]
            self._labels.learn(edited, self._tracks, self._names_of(report.ids))
            self._publish(report.events(self._stamp_ns, self._tracks), Provenance.BY_HAND)
        return report

    def clear(self) -> None:
        """Forget everything but the vocabulary; ids go on counting."""
        with self._lock:
            self._reset()

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The known objects, deleted ones too, and what is known of them, for `save_map`."""
        with self._lock:
            known = [track.known for track in self._tracks if track.confirmed]
            known.sort(key=lambda found: found.id)
            arrays = pack_objects(known, next_id=self._ids.next_id)
            arrays |= pack_history(self._editor.history)
            return arrays | pack_events(self._log.events) | self._labels.taught.to_arrays()

    def load_arrays(self, arrays: Mapping[str, npt.NDArray[Any]], scene: Scene) -> None:
        """Replace all objects by those of `to_arrays`; the vocabulary in force names them.

        Args:
            arrays: of the objects.
            scene: the whole map they came with; elements that it lacks are gone.

        Raises:
            InputError: the arrays are not those of an object map; the objects stay as they were.
        """
        loaded, events = unpack_objects(arrays, scene), unpack_events(arrays)
        history = unpack_history(arrays, scene)
        with self._lock:
            self._labels.taught.load_arrays(arrays)  # raises before anything is changed
            self._reset()
            self._editor.restart(history)
            self._take_scene(scene)
            # Ids go on counting over a load too: two objects of one run never share one.
            self._ids.skip_to(loaded.next_id)
            self._stamp_ns = scene.stamp_ns
            self._tracks = [
                Track(known, segmented_size=len(known), observed_ns=scene.stamp_ns)
                for known in loaded.objects
            ]
            self._enforce_bound()
            self._labels.label(self._tracks, self._tracks)
            self._log.add(events)
            self._publish(provenance=Provenance.RESTORED)

    def _take_scene(self, scene: Scene) -> None:
        """Take grid and floor of the newest scene."""
        self._grid = scene.grid
        self._labels.see_floor(scene)

    def _identify(self, found: MapObject) -> MapObject:
        """Object with the id of one that ended in its place, or a new one."""
        old = self._dormant.recognise(found, min_iou=self.settings.match_iou)
        return old or replace(found, id=self._new_id())

    def _new_id(self) -> int:
        return self._ids.take({track.known.id for track in self._tracks})

    def _track_of(self, object_id: int) -> Track:
        known = self.get(object_id)
        return next(track for track in self._tracks if track.known is known)

    def _keep(self, kept: Callable[[Int64], Bool], *, carved: bool) -> list[Track]:
        """Take elements from all tracks; returns those that end by that, as they were."""
        self._tracks, ended = keep_elements(self._tracks, kept, self._grid, carved=carved)
        return ended

    def _names_of(self, ids: Sequence[int]) -> set[str]:
        """Names by hand of objects, before and after an edit."""
        after = {track.known.id: track.known for track in self._tracks}
        both = [known.get(number) for number in ids for known in (self._by_id, after)]
        return {known.pinned_label for known in both if known and known.pinned_label}

    def _enforce_bound(self) -> None:
        """Drop objects beyond `max_objects`: waiting ones first, those of a person last."""
        excess = len(self._tracks) - self.settings.max_objects
        if excess <= 0:
            return
        self._tracks.sort(key=lambda t: (t.known.prompted, t.confirmed, t.known.last_seen_ns))
        dropped = sum(track.confirmed for track in self._tracks[:excess])
        if dropped:
            logger.warning("dropped %d objects: tracking.max_objects is reached", dropped)
        del self._tracks[:excess]

    def _merged(self, report: TrackingReport) -> list[Event]:
        """Events of known objects that became part of others."""
        return [
            Event(EventKind.MERGED, part, self._stamp_ns, self._by_id[part].label, other_id=whole)
            for part, whole in report.merged_into.items()
            if part in self._by_id
        ]

    def _publish(
        self,
        told: Sequence[Event] = (),
        provenance: Provenance = Provenance.SEEN,
        *,
        relabelled: bool = True,
    ) -> None:
        """Show the objects as they are now, and log what that changes beside what is `told`."""
        known = (track.known for track in self._tracks if track.shown)
        self._confirmed = tuple(sorted(known, key=lambda found: found.id))
        before, self._by_id = self._by_id, {found.id: found for found in self._confirmed}
        if relabelled:
            self._log.add(differences(before, self._by_id, told, self._stamp_ns, provenance))
