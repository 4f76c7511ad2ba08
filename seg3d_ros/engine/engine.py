"""Engine: the one owner of map, objects and words.

Frames are fused into a voxel map; a snapshot of the map is cut into instances; instances become
objects that keep their identity; a vocabulary names them. The ROS node, the demo and the command
line are shells around this class: they call it and listen to its world states.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from seg3d_ros.engine.background import BackgroundSegmentation
from seg3d_ros.engine.clicks import ClickAnswer, Clicks, Prompted
from seg3d_ros.engine.job_queue import JobQueue, Priority
from seg3d_ros.engine.map_segmentation import EmptyMapError, MapSegmentation
from seg3d_ros.engine.models import Models
from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.engine.relocalised import moved_here
from seg3d_ros.engine.subscription import Listener, Listeners, Subscription
from seg3d_ros.engine.view_encoding import ViewEncoding
from seg3d_ros.engine.world_state import WorldState
from seg3d_ros.errors import InputError
from seg3d_ros.mapping.keyframes.archive import pack_keyframes, unpack_keyframes
from seg3d_ros.mapping.keyframes.store import KeyframeStore
from seg3d_ros.mapping.voxel_map import IntegrationReport, VoxelMap
from seg3d_ros.objects.approach import (
    SEARCHED_M,
    Approach,
    ApproachRequest,
    find_approaches,
)
from seg3d_ros.objects.areas import (
    Area,
    pack_areas,
    room_area,
    unpack_areas,
    with_area,
    without_area,
)
from seg3d_ros.objects.best_views import BestViews
from seg3d_ros.objects.editor import EditReport
from seg3d_ros.objects.edits import Edit, Split, SplitOff
from seg3d_ros.objects.embedding import Embedding
from seg3d_ros.objects.load_report import LoadReport, load_remarks
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.object_map import ObjectMap
from seg3d_ros.objects.query import Query, QueryResult, answer_query
from seg3d_ros.objects.reading import World
from seg3d_ros.objects.relations import Shapes
from seg3d_ros.objects.storage import MAX_BYTES, MapFileError, load_map, save_map
from seg3d_ros.scene import Bool, Float64, Frame, Instances, Scene
from seg3d_ros.text.vocabulary import Vocabulary
from seg3d_ros.text.vocabulary_files import load_vocabulary_file
from seg3d_ros.timings import StageTimings

_VOXEL_BYTES = 64  # in a map file, at most
_OBJECT_BYTES = 16_384  # with its embedding and name, without its voxels

log = logging.getLogger(__name__)


class Engine:
    """Frames in, world states out.

    Any thread may call anything. `integrate` never waits for a network: it shares only the map,
    whose lock is held for a copy. One lock makes each change the next `WorldState`; no network
    runs under it.

    Attributes:
        settings: those in force; `apply` changes them.
        models: segmenters and text encoder.
        map: the voxels.
        keyframes: pictures of the map.
        jobs: what runs beside the caller, by priority.
        background: segments when the map has changed.
        view_encoding: gives objects embeddings of their best views.
        timings: durations of all stages.
        frames: number of frames in the map.
        views_waiting: keyframes that the segmenter has not looked at yet.
        newest_picture: newest frame in the map that is an image; None before the first.
    """

    def __init__(self, settings: PerceptionSettings | None = None) -> None:
        self.settings = settings or PerceptionSettings()
        self.models = Models(self.settings)
        self.map = VoxelMap(self.settings.map, self.settings.input)
        self.keyframes = KeyframeStore(self.settings.views)
        self.jobs = JobQueue()
        self.background = BackgroundSegmentation(self.jobs, self.segment)
        self.timings = StageTimings()
        self.view_encoding = ViewEncoding(
            self.jobs, self.models, self.timings, self._take_view_embeddings
        )
        self.frames = self.views_waiting = 0
        self.newest_picture: Frame | None = None
        self._objects = ObjectMap(self.settings.tracking)
        self._best_views = BestViews()
        self._state = WorldState()
        self._listeners = Listeners()
        self._lock = threading.Lock()
        self._segment_lock = threading.Lock()
        self._segmented: tuple[int, int] = (0, 0)  # frames and stamp of the newest segmentation
        self._sensor_position: Float64 | None = None  # map frame
        self._map_segmentation = MapSegmentation(self.models, self.timings)
        self._clicks = Clicks(self.models, self.timings)

    def close(self) -> None:
        """Drop the jobs that wait and stop listening; what runs ends by itself."""
        self.jobs.close()
        with self._lock:
            self._listeners.close()

    @property
    def state(self) -> WorldState:
        """The newest world state."""
        return self._state

    def subscribe(self, listener: Listener) -> Subscription:
        """Call a listener with the newest world state, now and after every change."""
        with self._lock:
            return self._listeners.add(listener, self._state)

    def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription."""
        with self._lock:
            self._listeners.remove(subscription)

    def apply(self, settings: PerceptionSettings) -> None:
        """Take over the settings that can change while frames flow (those marked `live`)."""
        with self._lock:
            self.settings = settings
            self.map.frame_filter = settings.input
            self.map.settings = settings.map
            self.keyframes.settings = settings.views
            self._objects.settings = settings.tracking

    def integrate(self, frame: Frame) -> IntegrationReport:
        """Fuse one frame into the map."""
        with self.timings.measure("integrate"):
            report = self.map.integrate(frame)
        if report.points_used:
            with self.timings.measure("choose keyframe"):
                self.keyframes.offer(frame)
            if frame.grid is not None:
                self.newest_picture = frame
            if not self.frames:
                self._segmented = (0, frame.stamp_ns)
            self.frames += 1
            self._sensor_position = frame.map_from_sensor[:3, 3].astype(np.float64)
        return report

    def is_due(self, period_s: float = 0.0) -> bool:
        """Whether the map has changed since it was segmented, at least a period ago by stamps.

        A stamp that has gone back, since a wrong one was refuted, is no reason to wait for it.
        Keyframes that the segmenter has not looked at yet are due at any time.
        """
        if self.views_waiting:
            return True
        frames, stamp_ns = self._segmented
        elapsed_ns = self.map.newest_stamp_ns - stamp_ns
        return self.frames != frames and not 0 <= elapsed_ns < period_s * 1e9

    def segment(self, scene: Scene | None = None) -> WorldState:
        """Segment a snapshot of the map, or a scene from elsewhere, and update the objects.

        Runs one at a time; a second caller waits.

        Raises:
            EmptyMapError: nothing has been integrated yet.
        """
        with self._segment_lock:
            while True:
                epoch = self._state.epoch
                self._segmented = (self.frames, self.map.newest_stamp_ns)
                found = self._instances(scene)
                labels = self.models.label(found[0])
                with self._lock, self.timings.measure("track"):
                    if epoch == self._state.epoch:
                        self._objects.update(*found)
                        if scene is None:
                            self._objects.follow_map(self.map.last_seen)
                        self.views_waiting = labels.waiting if labels else 0
                        return self._advance(scene=found[0], semantic=labels)
                # The map was replaced meanwhile: these instances are of another one.

    def publish_map(self) -> WorldState:
        """Publish the map as it is now, with the objects known so far."""
        scene = self.map.snapshot()
        with self._lock:
            return self._advance(scene=scene, semantic=None)

    def settle(self) -> WorldState:
        """Segment a map that stands still until every object has been seen often enough."""
        for _ in range(self.settings.tracking.passes_to_settle):
            state = self.segment()
        return state

    def encode_views(self) -> WorldState:
        """Encode the best views of all objects now; their names may change."""
        self.view_encoding.finish(self._state)
        return self._state

    def set_vocabulary(self, labels: Sequence[str], templates: Sequence[str] = ()) -> Vocabulary:
        """Name all objects, known and future, with these words; no network runs on the map.

        Args:
            labels: see `Vocabulary`.
            templates: sentences around each word; empty: the defaults.

        Raises:
            InputError: a label or template cannot be one; the old vocabulary stays in force.
            FileNotFoundError: the text encoder's weights are not on this machine.
        """
        with self.models.watched_device():
            vocabulary = self.models.embed_vocabulary(
                labels,
                templates,
                version=self._state.vocabulary_version + 1,
                between=lambda: self.jobs.give_way(Priority.ENCODE),
            )
        with self._lock, self.timings.measure("relabel"):
            self._objects.relabel(vocabulary)
            self._advance(vocabulary=vocabulary)
        return vocabulary

    def set_first_vocabulary(self, labels: Sequence[str] = ()) -> None:
        """Name objects with these words; without any by the household list, if the model can."""
        if labels or self.models.text_model:
            self.set_vocabulary(labels or load_vocabulary_file("household"))

    def query(self, query: Query) -> QueryResult:
        """Rank the objects of one world state; see `objects.query.answer_query` for the errors."""
        state = self._state
        world = World(state.objects, state.vocabulary, state.areas, Shapes())
        with self.models.watched_device():
            return answer_query(query, world)

    def find_approaches(self, object_id: int, request: ApproachRequest) -> list[Approach]:
        """Places to look at an object from, best first; see `objects.approach`.

        A robot whose place is not given is where the sensor was when the newest frame was taken.

        Raises:
            UnknownObjectError: there is no such object.
            NoApproachError: there is no such place.
        """
        known = self.get(object_id)
        position = self._sensor_position
        if request.start is None and position is not None:
            request = replace(request, start=(float(position[0]), float(position[1])))
        scene = self.map.snapshot(center=known.box.center, radius=SEARCHED_M)
        with self.timings.measure("approach"):
            return find_approaches(scene, known, request)

    def set_area(self, area: Area) -> WorldState:
        """Name a part of the map, or give an area other corners.

        Raises:
            InputError: there are too many areas.
        """
        with self._lock:
            return self._advance(areas=with_area(self._state.areas, area))

    def set_room(self, name: str, place: Float64) -> WorldState:
        """Name the room around a place (2,) or (3,), map frame, metres, as seen so far.

        Raises:
            EmptyMapError: nothing has been integrated yet.
            InputError: no floor or no room was seen there.
        """
        scene = self.map.snapshot()
        if not len(scene):
            raise EmptyMapError
        return self.set_area(room_area(name, scene, place))

    def remove_area(self, name: str) -> WorldState:
        """Forget an area.

        Raises:
            InputError: there is none of this name.
        """
        with self._lock:
            left = without_area(self._state.areas, name)
            if len(left) == len(self._state.areas):
                raise InputError(f"there is no area {name!r} to forget")
            return self._advance(areas=left)

    def get(self, object_id: int) -> MapObject:
        """The known object with this id.

        Raises:
            UnknownObjectError: there is none.
        """
        return self._objects.get(object_id)

    def segment_at(
        self,
        points: Float64,
        foreground: Bool,
        *,
        name: str = "",
        refine_id: int = 0,
        scene: Scene | None = None,
    ) -> Prompted:
        """Segment the object that was clicked and keep it.

        Args:
            points: (K, 3) float64, map frame, metres.
            foreground: (K,) bool, True where a point is on the object.
            name: label the object keeps; empty: named by the vocabulary.
            refine_id: object to replace; 0: the one that the mask shows, else a new one.
            scene: what was clicked in; None: the map around the clicks.

        Raises:
            EmptyMapError: nothing has been integrated yet.
            NothingThereError: no voxel near a foreground point.
            UnknownObjectError: no object has the id `refine_id`.
        """
        found = self.answer_clicks(points, foreground, refine_id=refine_id, scene=scene)
        with self._lock:
            if found.epoch != self._state.epoch:
                raise EmptyMapError
            made = self._objects.add_prompted(
                found.scene, found.mask, name=name, refine_id=refine_id
            )
            self._clicks.keep(found, made.id)
            self._advance(scene=self._state.scene or scene or self.map.snapshot())
        return Prompted(made, found.scene, self.models.prompt_segmenter.name, found.predicted_iou)

    def answer_clicks(
        self, points: Float64, foreground: Bool, *, refine_id: int = 0, scene: Scene | None = None
    ) -> ClickAnswer:
        """Segment what was clicked and change nothing; see `segment_at`."""
        epoch, frames = self._state.epoch, self.frames
        if scene is None and not len(self.map):
            raise EmptyMapError
        if refine_id:
            self._objects.get(refine_id)
        if scene is not None:
            return self._clicks.answer_in(scene, points, foreground, epoch=epoch)
        return self._clicks.answer(
            self.map, points, foreground, version=(epoch, frames), refine_id=refine_id
        )

    def edit(self, edit: Edit) -> EditReport:
        """Edit objects by hand; see `ObjectMap.edit`.

        Raises:
            UnknownObjectError: an object is not known.
            EmptyMapError: there is nothing to split, or the map was replaced meanwhile.
            NothingThereError: no voxel near the clicks of a split.
            InputError: the edit makes no sense.
        """
        epoch = self._state.epoch
        map_edit = self._split_off(edit) if isinstance(edit, Split) else edit
        with self._lock:
            if epoch != self._state.epoch:
                raise EmptyMapError
            report = self._objects.edit(map_edit)
            self._advance()
        return report

    def _split_off(self, edit: Split) -> SplitOff:
        """Elements that the clicks of a split show."""
        found = self.answer_clicks(edit.points, edit.foreground, refine_id=edit.id)
        return SplitOff(edit.id, found.scene.element_ids[found.mask], edit.name)

    def clear(self) -> None:
        """Forget the map and all objects; ids are not used again."""
        with self._lock:
            stamp_ns = self.map.newest_stamp_ns
            self.map.clear()
            self.keyframes.clear()
            self._objects.clear()
            self._replace_map(self.map, replace(self.map.snapshot(), stamp_ns=stamp_ns))

    def save(self, path: str | Path, *, fixed_frame: str = "") -> tuple[int, int]:
        """Write voxels, objects and keyframes to one file; returns how many (objects, voxels).

        Args:
            path: see `save_map`.
            fixed_frame: frame of the map, which the file remembers; empty: unknown.

        Raises:
            MapFileError: the file cannot be written, or is something else than a map.
        """
        with self._lock:
            voxels, objects = self.map.to_arrays(), self._objects.to_arrays()
            objects |= pack_areas(self._state.areas)
            count, keyframes = len(self._state.objects), self.keyframes.all()
            next_id = self.keyframes.next_id
        save_map(
            path,
            voxels,
            objects,
            pack_keyframes(keyframes, next_id=next_id),
            fixed_frame=fixed_frame,
            max_bytes=_largest_file(self.settings),
        )
        return count, len(voxels["keys"])

    def load(
        self, path: str | Path, *, fixed_frame: str = "", relocalise: bool = False
    ) -> LoadReport:
        """Replace voxels, objects and keyframes by those of a file.

        Args:
            path: of the file.
            fixed_frame: frame that the map has to be in; empty: any.
            relocalise: find out where the file's map lies in the map so far, and move it there.

        Returns:
            How much was loaded, and sentences about what does not fit, which are logged.

        Raises:
            MapFileError: the file cannot be read or does not fit; the map is left as it was.
            EmptyMapError: there is no map so far to find the place in.
            NotRecognisedError: it is not sure to be this place; the map is left as it was.
        """
        most = _largest_file(self.settings)
        file = load_map(path, fixed_frame="" if relocalise else fixed_frame, max_bytes=most)
        loaded = VoxelMap(self.settings.map, self.settings.input)
        map_from_file = None
        try:
            if relocalise:
                with self.timings.measure("relocalise"):
                    file, map_from_file = moved_here(file, self.map, self._state)
            meta, voxels, objects, keyframes = file
            loaded.load_arrays(voxels)
            scene, seen = loaded.snapshot(), unpack_keyframes(keyframes)
            areas = unpack_areas(objects)
            with self._lock:
                self._objects.load_arrays(objects, scene)  # raises before it changes anything
                self.keyframes.replace(*seen)
                state = self._replace_map(loaded, scene, areas)
        except InputError as error:
            raise MapFileError(f"the map {path} does not fit: {error}") from error
        space = self.models.text_model
        remarks = load_remarks(meta, state.objects, fixed_frame=fixed_frame, space=space)
        for remark in remarks:
            log.warning("%s: %s", path, remark)
        return LoadReport(len(state.objects), len(loaded), remarks, map_from_file)

    def warm_up(self) -> None:
        """Compile the kernels and load the networks, so that the first frame is not late.

        What people may ask for comes after that: clicks, then new words. Names that were used
        before are known without the text encoder, and its libraries take longer than all the rest;
        in a thread of its own no segmentation waits for them.
        """
        self.models.warm_up()
        self.jobs.submit(Priority.CLICK, self.models.warm_up_clicks, on_drop=lambda: None)
        threading.Thread(target=self.models.warm_up_encoder, name="encoder", daemon=True).start()

    def _take_view_embeddings(
        self, epoch: int, found: Mapping[int, Mapping[str, Embedding]]
    ) -> None:
        with self._lock:
            if epoch == self._state.epoch:
                self._objects.add_embeddings(found)
                self._advance()

    def _advance(self, **changes: Any) -> WorldState:
        """Make the next world state and tell the listeners; called under the lock."""
        state = replace(
            self._state,
            version=self._state.version + 1,
            objects=self._objects.confirmed(),
            events=self._objects.events(),
            prototypes=self._objects.prototypes(),
            **changes,
        )
        if state.scene is not None:
            keyframes = self.keyframes.all()
            found = self._best_views.update(state.objects, state.scene.grid, keyframes)
            self.keyframes.keep(self._best_views.in_use)
            state = replace(
                state, stamp_ns=state.scene.stamp_ns, keyframes=keyframes, best_views=found
            )
        self._state = state
        self._listeners.tell(state)
        return state

    def _replace_map(
        self, voxel_map: VoxelMap, scene: Scene, areas: tuple[Area, ...] = ()
    ) -> WorldState:
        """Begin a new epoch with another map and its snapshot, under the lock."""
        self.map = voxel_map
        self._clicks.forget()
        self._map_segmentation.forget()
        self.views_waiting = 0
        self._best_views.clear()
        return self._advance(epoch=self._state.epoch + 1, scene=scene, areas=areas, semantic=None)

    def _instances(self, scene: Scene | None) -> tuple[Scene, Instances]:
        """Instances of a scene; None: of the map around the sensor."""
        if scene is not None:
            with self.timings.measure("segment"):
                return scene, self.models.segment(scene)
        radius, position = self.settings.segmentation.radius, self._sensor_position
        return self._map_segmentation.run(
            self.map,
            self.keyframes,
            version=(self._state.epoch, self.frames, self.settings),
            views_waiting=self.views_waiting,
            ball=(position, radius) if radius and position is not None else None,
        )


def _largest_file(settings: PerceptionSettings) -> int:
    """Bytes of the largest map that these settings allow; what can be saved can be loaded."""
    size = _VOXEL_BYTES * settings.map.max_voxels + _OBJECT_BYTES * settings.tracking.max_objects
    return max(MAX_BYTES, size + settings.views.memory * 10**6)
