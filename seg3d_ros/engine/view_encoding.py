"""Encoding of the best views of objects, a few pictures at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from seg3d_ros.engine.job_queue import JobQueue, Priority
from seg3d_ros.engine.models import Models
from seg3d_ros.engine.world_state import WorldState
from seg3d_ros.imaging.encoder import ImageEncoder
from seg3d_ros.imaging.object_views import encode_views
from seg3d_ros.mapping.keyframes.best_views import ObjectView
from seg3d_ros.objects.embedding import Embedding, with_view
from seg3d_ros.text.known_words import STRUCTURE
from seg3d_ros.timings import StageTimings

log = logging.getLogger(__name__)

MOST_CROPS = 5  # of an object over its life
_BATCH = 4  # crops; what waits meanwhile waits for half a second on a CPU
_WORTH = 0.5  # of the score of the best view; poorer ones would blur the name

Found = Mapping[int, Mapping[str, Embedding]]  # by object and space


class _Crop(NamedTuple):
    """View of an object that has not been encoded."""

    object_id: int
    view: ObjectView


class ViewEncoding:
    """Gives objects embeddings of their best views, where nothing more urgent waits.

    Attributes:
        encoded: crops so far.
        failures: batches that raised; nothing is encoded any more after one.
    """

    def __init__(
        self,
        jobs: JobQueue,
        models: Models,
        timings: StageTimings,
        take: Callable[[int, Found], None],
    ) -> None:
        """Encode nothing yet.

        Args:
            jobs: queue that the encoding waits in.
            models: with the image encoders.
            timings: durations of the stages.
            take: is given the epoch of the map and the embeddings.
        """
        self.encoded = self.failures = 0
        self._queued = self._in_hand = 0  # crops
        self._jobs, self._models, self._timings, self._take = jobs, models, timings, take
        self._lock = threading.Lock()
        self._state = WorldState()
        self._looked: dict[int, dict[int, float]] = {}  # scores by keyframe, by object
        self._under_way = False

    @property
    def backlog(self) -> int:
        """Crops that the newest state asks for and that are not taken in yet."""
        return self._queued + self._in_hand

    def request(self, state: WorldState) -> None:
        """Encode soon what a state shows for the first time."""
        with self._lock:
            if state.version >= self._state.version:
                self._adopt(state)
            if self._queued and not self._under_way:
                self._under_way = self._jobs.submit(
                    Priority.ENCODE, self._run, on_drop=lambda: None
                )

    def finish(self, state: WorldState) -> None:
        """Encode now all that a state shows for the first time."""
        with self._lock:
            self._adopt(state)
        while self._step():
            pass

    def _run(self) -> None:
        while self._step():
            self._jobs.give_way(Priority.ENCODE)

    def _adopt(self, state: WorldState) -> None:
        if state.epoch != self._state.epoch:
            self._looked.clear()
        self._state = state
        self._looked = {i: self._looked[i] for i in state.best_views if i in self._looked}
        self._queued = sum(1 for _ in self._waiting())

    def _waiting(self) -> Iterator[_Crop]:
        """Views to encode, those of objects without any first."""
        if self.failures or not self._models.image_encoders:
            return
        known = {found.id: found.label for found in self._state.objects}
        views = self._state.best_views
        for object_id in sorted(views, key=lambda found: len(self._looked.get(found, ()))):
            looked = self._looked.get(object_id, {})
            if known.get(object_id) in STRUCTURE:
                continue
            best = max([*looked.values(), *(view.score for view in views[object_id])], default=0)
            new = [
                view
                for view in views[object_id]
                if view.keyframe.id not in looked and view.score >= _WORTH * best
            ]
            yield from (_Crop(object_id, view) for view in new[: MOST_CROPS - len(looked)])

    def _step(self) -> bool:
        """Encode a batch; returns whether there was one."""
        with self._lock:
            crops = list(islice(self._waiting(), _BATCH))
            self._under_way = bool(crops)
            epoch = self._state.epoch
            if not crops:
                self._queued = 0
                return False
            for object_id, view in crops:
                self._looked.setdefault(object_id, {})[view.keyframe.id] = view.score
            self._queued, self._in_hand = max(self._queued - len(crops), 0), len(crops)
        try:
            with self._models.watched_device(), self._timings.measure("encode views"):
                found = _encode(crops, self._models.image_encoders)
            self._take(epoch, found)
        except Exception:
            self.failures += 1
            log.exception("objects get no names from pictures any more")
        self.encoded += len(crops)
        self._in_hand = 0
        return True


def _encode(crops: list[_Crop], encoders: Sequence[ImageEncoder]) -> Found:
    """Mean embeddings of the crops."""
    found: dict[int, Mapping[str, Embedding]] = {}
    for space, vectors in encode_views([crop.view for crop in crops], encoders).items():
        for crop, vector in zip(crops, vectors, strict=True):
            seen = Embedding(vector, crop.view.score)
            found[crop.object_id] = with_view(found.get(crop.object_id, {}), space, seen)
    return found
