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

import numpy as np

from seg3d_ros.engine.background import BackgroundSegmentation
from seg3d_ros.engine.clicks import ClickAnswer, Clicks, Prompted
from seg3d_ros.engine.job_queue import JobQueue, Priority
from seg3d_ros.engine.map_files import largest_file, moved_here, refusing_map, unpack_map
from seg3d_ros.engine.map_segmentation import EmptyMapError, MapSegmentation
from seg3d_ros.engine.models import Models
from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.engine.places import Places
from seg3d_ros.engine.subscription import Listener, Subscription
from seg3d_ros.engine.view_encoding import ViewEncoding
from seg3d_ros.engine.world_state import WorldState
from seg3d_ros.engine.world_states import WorldStates
from seg3d_ros.mapping.keyframes.archive import pack_keyframes
from seg3d_ros.mapping.keyframes.store import KeyframeStore
from seg3d_ros.mapping.voxel_map import IntegrationReport, VoxelMap
from seg3d_ros.objects.areas import Area, pack_areas
from seg3d_ros.objects.editor import EditReport
from seg3d_ros.objects.edits import Edit, Split, SplitOff
from seg3d_ros.objects.embedding import Embedding
from seg3d_ros.objects.load_report import LoadReport, load_remarks
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.query import Query, QueryResult, answer_query
from seg3d_ros.objects.reading import World
from seg3d_ros.objects.relations import Shapes
from seg3d_ros.objects.storage import load_map, save_map
from seg3d_ros.scene import Bool, Float64, Frame, Instances, Scene
from seg3d_ros.text.vocabulary import Vocabulary
from seg3d_ros.text.vocabulary_files import load_vocabulary_file
from seg3d_ros.timings import StageTimings

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
        jobs: what runs beside the caller, by priority.
        places: named areas, and poses from which objects are seen.
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
        self._states = WorldStates(self.settings)
        self.jobs = JobQueue()
        self.background = BackgroundSegmentation(self.jobs, self.segment)
        self.timings = StageTimings()
        self.places = Places(self._states, lambda: self.map, self.timings)
        self.view_encoding = ViewEncoding(
            self.jobs, self.models, self.timings, self._take_view_embeddings
        )
        self.frames = self.views_waiting = 0
        self.newest_picture: Frame | None = None
        self._segment_lock = threading.Lock()
        self._segmented: tuple[int, int] = (0, 0)  # frames and stamp of the newest segmentation
        self._map_segmentation = MapSegmentation(self.models, self.timings)
        self._clicks = Clicks(self.models, self.timings)

    def close(self) -> None:
        """Drop the jobs that wait and stop listening; what runs ends by itself."""
        self.jobs.close()
        self._states.close()

    @property
    def state(self) -> WorldState:
        """The newest world state."""
        return self._states.newest

    @property
    def keyframes(self) -> KeyframeStore:
        """Pictures of the map."""
        return self._states.keyframes

    def subscribe(self, listener: Listener) -> Subscription:
        """Call a listener with the newest world state, now and after every change."""
        return self._states.subscribe(listener)

    def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription."""
        self._states.unsubscribe(subscription)

    def apply(self, settings: PerceptionSettings) -> None:
        """Take over the settings that can change while frames flow (those marked `live`)."""
        with self._states.lock:
            self.settings = settings
            self.map.frame_filter = settings.input
            self.map.settings = settings.map
            self.keyframes.settings = settings.views
            self._states.objects.settings = settings.tracking

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
            self.places.sensor_position = frame.map_from_sensor[:3, 3].astype(np.float64)
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
                epoch = self.state.epoch
                self._segmented = (self.frames, self.map.newest_stamp_ns)
                found = self._instances(scene)
                labels = self.models.label(found[0])
                with self._states.lock, self.timings.measure("track"):
                    if epoch == self.state.epoch:
                        self._states.objects.update(*found)
                        if scene is None:
                            self._states.objects.follow_map(self.map.last_seen)
                        self.views_waiting = labels.waiting if labels else 0
                        return self._states.advance(scene=found[0], semantic=labels)
                # The map was replaced meanwhile: these instances are of another one.

    def publish_map(self) -> WorldState:
        """Publish the map as it is now, with the objects known so far."""
        scene = self.map.snapshot()
        with self._states.lock:
            return self._states.advance(scene=scene, semantic=None)

    def settle(self) -> WorldState:
        """Segment a map that stands still until nothing changes any more.

        All keyframes were looked at then, and every object was seen often enough.
        """
        state = self.segment()
        while self.views_waiting:
            state = self.segment()
        for _ in range(self.settings.tracking.passes_to_settle - 1):
            state = self.segment()
        return state

    def encode_views(self) -> WorldState:
        """Encode the best views of all objects now; their names may change."""
        self.view_encoding.finish(self.state)
        return self.state

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
                version=self.state.vocabulary_version + 1,
                between=lambda: self.jobs.give_way(Priority.ENCODE),
            )
        with self._states.lock, self.timings.measure("relabel"):
            self._states.objects.relabel(vocabulary)
            self._states.advance(vocabulary=vocabulary)
        return vocabulary

    def set_first_vocabulary(self, labels: Sequence[str] = ()) -> None:
        """Name objects with these words; without any by the household list, if the model can."""
        if labels or self.models.text_model:
            self.set_vocabulary(labels or load_vocabulary_file("household"))

    def query(self, query: Query) -> QueryResult:
        """Rank the objects of one world state; see `objects.query.answer_query` for the errors."""
        state = self.state
        world = World(state.objects, state.vocabulary, state.areas, Shapes())
        with self.models.watched_device():
            return answer_query(query, world)

    def get(self, object_id: int) -> MapObject:
        """The known object with this id.

        Raises:
            UnknownObjectError: there is none.
        """
        return self._states.objects.get(object_id)

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
        with self._states.lock:
            if found.epoch != self.state.epoch:
                raise EmptyMapError
            made = self._states.objects.add_prompted(
                found.scene, found.mask, name=name, refine_id=refine_id
            )
            self._clicks.keep(found, made.id)
            self._states.advance(scene=self.state.scene or scene or self.map.snapshot())
        return Prompted(made, found.scene, self.models.prompt_segmenter.name, found.predicted_iou)

    def answer_clicks(
        self, points: Float64, foreground: Bool, *, refine_id: int = 0, scene: Scene | None = None
    ) -> ClickAnswer:
        """Segment what was clicked and change nothing; see `segment_at`."""
        epoch, frames = self.state.epoch, self.frames
        if scene is None and not len(self.map):
            raise EmptyMapError
        if refine_id:
            self._states.objects.get(refine_id)
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
        epoch = self.state.epoch
        map_edit = self._split_off(edit) if isinstance(edit, Split) else edit
        with self._states.lock:
            if epoch != self.state.epoch:
                raise EmptyMapError
            report = self._states.objects.edit(map_edit)
            self._states.advance()
        return report

    def _split_off(self, edit: Split) -> SplitOff:
        """Elements that the clicks of a split show."""
        found = self.answer_clicks(edit.points, edit.foreground, refine_id=edit.id)
        return SplitOff(edit.id, found.scene.element_ids[found.mask], edit.name)

    def clear(self) -> None:
        """Forget the map and all objects; ids are not used again."""
        with self._states.lock:
            stamp_ns = self.map.newest_stamp_ns
            self.map.clear()
            self.keyframes.clear()
            self._states.objects.clear()
            self._replace_map(self.map, replace(self.map.snapshot(), stamp_ns=stamp_ns))

    def save(self, path: str | Path, *, fixed_frame: str = "") -> tuple[int, int]:
        """Write voxels, objects and keyframes to one file; returns how many (objects, voxels).

        Args:
            path: see `save_map`.
            fixed_frame: frame of the map, which the file remembers; empty: unknown.

        Raises:
            MapFileError: the file cannot be written, or is something else than a map.
        """
        states = self._states
        with states.lock:
            voxels, objects = self.map.to_arrays(), states.objects.to_arrays()
            objects |= pack_areas(states.newest.areas)
            count, keyframes = len(states.newest.objects), self.keyframes.all()
            next_id = self.keyframes.next_id
        save_map(
            path,
            voxels,
            objects,
            pack_keyframes(keyframes, next_id=next_id),
            fixed_frame=fixed_frame,
            max_bytes=largest_file(self.settings),
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
        file = load_map(
            path,
            fixed_frame="" if relocalise else fixed_frame,
            max_bytes=largest_file(self.settings),
        )
        map_from_file = None
        with refusing_map(path):
            if relocalise:
                with self.timings.measure("relocalise"):
                    file, map_from_file = moved_here(file, self.map, self.state)
            loaded = unpack_map(file, self.settings)
            with self._states.lock:
                self._states.objects.load_arrays(loaded.objects, loaded.scene)  # raises first
                self.keyframes.replace(*loaded.keyframes)
                state = self._replace_map(loaded.map, loaded.scene, loaded.areas)
        space = self.models.text_model
        remarks = load_remarks(file.meta, state.objects, fixed_frame=fixed_frame, space=space)
        for remark in remarks:
            log.warning("%s: %s", path, remark)
        return LoadReport(len(state.objects), len(loaded.map), remarks, map_from_file)

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
        with self._states.lock:
            if epoch == self.state.epoch:
                self._states.objects.add_embeddings(found)
                self._states.advance()

    def _replace_map(
        self, voxel_map: VoxelMap, scene: Scene, areas: tuple[Area, ...] = ()
    ) -> WorldState:
        """Begin a new epoch with another map and its snapshot, under the lock."""
        self.map = voxel_map
        self._clicks.forget()
        self._map_segmentation.forget()
        self.views_waiting = 0
        return self._states.begin_epoch(scene=scene, areas=areas)

    def _instances(self, scene: Scene | None) -> tuple[Scene, Instances]:
        """Instances of a scene; None: of the map around the sensor."""
        if scene is not None:
            with self.timings.measure("segment"):
                return scene, self.models.segment(scene)
        radius, position = self.settings.segmentation.radius, self.places.sensor_position
        return self._map_segmentation.run(
            self.map,
            self.keyframes,
            version=(self.state.epoch, self.frames, self.settings),
            views_waiting=self.views_waiting,
            ball=(position, radius) if radius and position is not None else None,
        )
