"""Perception: frames in, objects out.

Camera frames are fused into a voxel map; a snapshot of the map is cut into instances; instances
become objects that keep their identity; a vocabulary names them. The ROS node, the command line
and the viewer are shells around this class.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from seg3d_ros.mapping.clicked_scene import CLICK_RADIUS_M, ClickedScene, scene_for_clicks
from seg3d_ros.mapping.voxel_map import IntegrationReport, MapSettings, VoxelMap
from seg3d_ros.mapping.warm_up_frames import warm_up_frames
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.object_map import ObjectMap, TrackingSettings
from seg3d_ros.objects.query import Match, Query, query_remarks, run_query
from seg3d_ros.objects.storage import MAX_BYTES, MapFileError, load_map, save_map
from seg3d_ros.scene import Bool, Float64, Frame, Instances, Scene
from seg3d_ros.segmenters.registry import load_prompt_segmenter, load_segmenter
from seg3d_ros.segmenters.segmenter import NothingThereError, PromptSegmenter, Segmenter
from seg3d_ros.segmenters.settings import NetworkSettings, PostprocessSettings
from seg3d_ros.sensing.frame_filter import FrameFilter
from seg3d_ros.settings import check_settings, replace_settings, setting
from seg3d_ros.text.cache import EmbeddingCache
from seg3d_ros.text.encoder import load_text_encoder
from seg3d_ros.text.vocabulary import Vocabulary
from seg3d_ros.timings import StageTimings

logger = logging.getLogger(__name__)

_VOXEL_BYTES = 64  # in a map file, at most
_OBJECT_BYTES = 16_384  # with its embedding and name, without its voxels


class EmptyMapError(RuntimeError):
    """Map without a frame."""

    def __init__(self) -> None:
        super().__init__("the map is empty: no frame has been integrated yet")


@dataclass(frozen=True)
class PerceptionSettings:
    """Settings of the perception; sections belong to the component they are passed to."""

    model: str = setting("mini", "Segmenter that cuts the map into instances.")
    prompt_model: str = setting(
        "auto",
        "Segmenter that answers clicks; auto: point_sam if its weights are here, else "
        "point_sam_mini, and geometric where torch is not installed.",
    )
    segment_radius: float = setting(
        0.0,
        "Only voxels this near to the sensor are segmented, metres; 0: the whole map.",
        low=0.0,
        live=True,
    )
    filter: FrameFilter = field(default_factory=FrameFilter)
    map: MapSettings = field(default_factory=MapSettings)
    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    postprocess: PostprocessSettings = field(default_factory=PostprocessSettings)

    def __post_init__(self) -> None:
        check_settings(self)

    def sections(self) -> tuple[Any, ...]:
        """Every dataclass that holds settings; their names do not collide."""
        return (self, self.network, self.postprocess, self.map, self.filter, self.tracking)

    def with_values(self, values: dict[str, Any]) -> PerceptionSettings:
        """Copy with those of the values that are settings of any section.

        Raises:
            ValueError: a value is not allowed; names the setting and what is.
        """
        sections = replace(
            self,
            map=replace_settings(self.map, values),
            filter=replace_settings(self.filter, values),
            tracking=replace_settings(self.tracking, values),
            network=replace_settings(self.network, values),
            postprocess=replace_settings(self.postprocess, values),
        )
        return replace_settings(sections, values)


@dataclass(frozen=True, eq=False)
class Segmentation:
    """A consistent picture of the world: the scene that was segmented and the objects in it."""

    scene: Scene
    objects: tuple[MapObject, ...]


@dataclass(frozen=True, eq=False)
class Prompted:
    """Object of a click, the method that found it, and its estimate of the overlap."""

    object: MapObject
    scene: Scene
    method: str
    predicted_iou: float | None


class Perception:
    """Frames in, objects out.

    Any thread may call anything. `integrate` never waits for `segment`: they share only the map,
    whose lock is held for a copy. One lock keeps the objects, the vocabulary and the newest
    result in step; no network runs under it.

    Attributes:
        settings: those in force; `apply` changes them.
        map: the voxels.
        segmenter: cuts scenes into instances.
        prompt_segmenter: answers clicks.
        vocabulary: the words in force, None before `set_vocabulary`.
        timings: durations of all stages.
        frames: number of frames in the map; tells whether a new segmentation is worth while.
    """

    def __init__(self, settings: PerceptionSettings | None = None) -> None:
        self.settings = settings or PerceptionSettings()
        network = self.settings.network
        self.segmenter: Segmenter = load_segmenter(
            self.settings.model, network=network, postprocess=self.settings.postprocess
        )
        self.prompt_segmenter: PromptSegmenter = load_prompt_segmenter(
            self.settings.prompt_model, network=network
        )
        space = self.segmenter.embedding_space
        self._encoder = (
            load_text_encoder(space, folder=network.text_folder, device=network.device)
            if space
            else None
        )
        self._embedding_cache = EmbeddingCache() if space else None
        self.map = VoxelMap(self.settings.map, self.settings.filter)
        self.timings = StageTimings()
        self.vocabulary: Vocabulary | None = None
        self.frames = 0
        self._objects = ObjectMap(self.settings.tracking)
        self._lock = threading.Lock()
        self._segment_lock = threading.Lock()
        self._epoch = 0  # grows when the map is replaced; older segmentations are thrown away
        self._sensor_position: Float64 | None = None  # map frame
        self._last: Segmentation | None = None
        self._clicked: ClickedScene | None = None
        self._cached: tuple[object, tuple[Scene, Instances]] | None = None

    @property
    def text_model(self) -> str:
        """Name of the text encoder that labels and objects share; empty when there is none."""
        return self.segmenter.embedding_space or ""

    @property
    def last(self) -> Segmentation | None:
        """Result of the newest `segment`, relabelled since where the vocabulary changed."""
        return self._last

    def apply(self, settings: PerceptionSettings) -> None:
        """Take over the settings that can change while frames flow (those marked `live`)."""
        with self._lock:
            self.settings = settings
            self.map.frame_filter = settings.filter
            self.map.settings = settings.map
            self._objects.settings = settings.tracking

    def integrate(self, frame: Frame) -> IntegrationReport:
        """Fuse one frame into the map."""
        with self.timings.measure("integrate"):
            report = self.map.integrate(frame)
        self.frames += 1
        self._sensor_position = frame.map_from_sensor[:3, 3].astype(np.float64)
        return report

    def segment(self) -> Segmentation:
        """Segment a snapshot of the map and bring the objects up to date.

        Runs one at a time; a second caller waits.

        Raises:
            EmptyMapError: nothing has been integrated yet.
        """
        with self._segment_lock:
            epoch = self._epoch
            scene, instances = self._segmented_scene()
            with self._lock, self.timings.measure("track"):
                if epoch != self._epoch:
                    raise EmptyMapError
                self._objects.update(scene, instances)
                self._objects.retire_carved(self.map.contains)
                self._last = Segmentation(scene, self._objects.confirmed())
                return self._last

    def set_vocabulary(self, labels: Sequence[str], templates: Sequence[str] = ()) -> Vocabulary:
        """Name all objects, known and future, with these words; no network runs on the map.

        Args:
            labels: see `Vocabulary`.
            templates: sentences around each word; empty: the defaults.

        Raises:
            ValueError: a label or template cannot be one; the old vocabulary stays in force.
            FileNotFoundError: the text encoder's weights are not on this machine.
        """
        version = self.vocabulary.version + 1 if self.vocabulary else 1
        vocabulary = Vocabulary(
            labels,
            templates=templates,
            encoder=self._encoder,
            cache=self._embedding_cache,
            version=version,
        )
        with self._lock, self.timings.measure("relabel"):
            self.vocabulary = vocabulary
            self._objects.relabel(vocabulary)
            self._refresh_last()
        return vocabulary

    def query(self, query: Query) -> list[Match]:
        """Rank the known objects; see `objects.query.run_query` for the errors."""
        return run_query(self._objects.confirmed(), query, self.vocabulary)

    def query_remarks(self, query: Query) -> list[str]:
        """Sentences about words of the query that no object can have, or that mean nothing."""
        return query_remarks(self._objects.confirmed(), query, self.vocabulary)

    def get(self, object_id: int) -> MapObject:
        """The known object with this id.

        Raises:
            UnknownObjectError: there is none.
        """
        return self._objects.get(object_id)

    def segment_at(
        self, points: Float64, foreground: Bool, *, name: str = "", refine_id: int = 0
    ) -> Prompted:
        """Segment the object that was clicked and keep it.

        Args:
            points: (K, 3) float64, map frame, metres.
            foreground: (K,) bool, True where a point is on the object.
            name: label the object keeps; empty: named by the vocabulary.
            refine_id: object to replace; 0: a new one.

        Raises:
            EmptyMapError: nothing has been integrated yet.
            NothingThereError: no voxel near a foreground point.
            UnknownObjectError: no object has the id `refine_id`.
        """
        if not len(self.map):
            raise EmptyMapError
        if refine_id:
            self._objects.get(refine_id)
        epoch = self._epoch
        clicked = scene_for_clicks(
            self.map,
            points[foreground].astype(np.float64).mean(axis=0),
            version=(epoch, self.frames),
            refine_id=refine_id,
            last=self._clicked,
        )
        scene = clicked.scene
        if not len(scene):
            raise NothingThereError(
                f"no voxel within {CLICK_RADIUS_M} m of the clicked points; click on the map"
            )
        with self.timings.measure("prompt"):
            found = self.prompt_segmenter.segment_at(scene, scene.local(points), foreground)
        with self._lock:
            if epoch != self._epoch:
                raise EmptyMapError
            made = self._objects.add_prompted(scene, found.mask, name=name, refine_id=refine_id)
            self._clicked = replace(clicked, object_id=made.id)
            self._last = Segmentation(self._last.scene if self._last else scene, ())
            self._refresh_last()
        return Prompted(made, scene, self.prompt_segmenter.name, found.predicted_iou)

    def clear(self) -> None:
        """Forget the map and all objects; ids are not used again."""
        with self._lock:
            self._epoch += 1
            self.map.clear()
            self._objects.clear()
            self._last = self._clicked = None

    def save(self, path: str | Path) -> tuple[int, int]:
        """Write voxels and objects to one file; returns how many (objects, voxels).

        Raises:
            MapFileError: the file cannot be written, or is something else than a map.
        """
        with self._lock:
            voxels, objects = self.map.to_arrays(), self._objects.to_arrays()
            counts = len(self._objects.confirmed()), len(self.map)
        save_map(path, voxels, objects, max_bytes=_largest_file(self.settings))
        return counts

    def load(self, path: str | Path) -> tuple[int, int]:
        """Replace voxels and objects by those of a file; returns how many (objects, voxels).

        Raises:
            MapFileError: the file cannot be read or does not fit; the map is left as it was.
        """
        voxels, objects = load_map(path, max_bytes=_largest_file(self.settings))
        loaded = VoxelMap(self.settings.map, self.settings.filter)
        try:
            loaded.load_arrays(voxels)
            with self._lock:
                # Raises before it changes anything.
                self._objects.load_arrays(objects, origin=loaded.grid.origin)
                self._epoch += 1
                self.map = loaded
                self._last = Segmentation(loaded.snapshot(), self._objects.confirmed())
                return len(self._last.objects), len(loaded)
        except ValueError as error:
            raise MapFileError(f"the map {path} does not fit: {error}") from error

    def warm_up(self) -> None:
        """Compile the kernels and load the networks, so that the first frame is not late."""
        trial = VoxelMap(MapSettings(), FrameFilter())  # at usual sizes, whatever the settings
        for frame in warm_up_frames():
            trial.integrate(frame)
        scene = trial.snapshot()
        objects = ObjectMap(self.settings.tracking)
        for _ in range(2):  # the second time there are objects to match
            objects.update(scene, self.segmenter.segment(scene))
        click = scene.points[len(scene) // 2][None].astype(np.float64)
        clicked = scene_for_clicks(trial, click[0], version=0, refine_id=0, last=None)
        self.prompt_segmenter.segment_at(clicked.scene, click, np.ones(1, bool))
        if self._encoder is not None:
            try:
                self._encoder.encode(["warm-up"])
            except FileNotFoundError as error:  # enough for words that the cache knows
                logger.warning("only words that were used before can be used: %s", error)

    def _segmented_scene(self) -> tuple[Scene, Instances]:
        """Instances of the newest map; those of the last call while the map stands still."""
        state = (self._epoch, self.frames, self.settings)
        if self._cached is None or self._cached[0] != state:
            with self.timings.measure("snapshot"):
                scene = self._snapshot_around_sensor()
            with self.timings.measure("segment"):
                self._cached = (state, (scene, self.segmenter.segment(scene)))
        return self._cached[1]

    def _snapshot_around_sensor(self) -> Scene:
        radius = self.settings.segment_radius
        if radius and self._sensor_position is not None:
            scene = self.map.snapshot(center=self._sensor_position, radius=radius)
        else:
            scene = self.map.snapshot()
        if not len(scene):
            raise EmptyMapError
        return scene

    def _refresh_last(self) -> None:
        if self._last is not None:
            self._last = replace(self._last, objects=self._objects.confirmed())


def _largest_file(settings: PerceptionSettings) -> int:
    """Bytes of the largest map that these settings allow; what can be saved can be loaded."""
    size = _VOXEL_BYTES * settings.map.max_voxels + _OBJECT_BYTES * settings.tracking.max_objects
    return max(MAX_BYTES, size)
