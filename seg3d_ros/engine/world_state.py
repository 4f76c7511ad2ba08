"""World states: what the engine knows at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from seg3d_ros.mapping.keyframes.best_views import ObjectView
from seg3d_ros.mapping.keyframes.keyframe import Keyframe
from seg3d_ros.objects.areas import Area
from seg3d_ros.objects.events import Event
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.prototypes import Prototype
from seg3d_ros.scene import Scene
from seg3d_ros.segmenters.segmenter import SemanticLabels
from seg3d_ros.text.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class WorldState:
    """Consistent picture of the world; the only thing that leaves the engine.

    Attributes:
        version: grows by one with every change.
        epoch: grows when the map is replaced: cleared, loaded.
        stamp_ns: stamp of the newest frame in the scene, nanoseconds of ROS time.
        scene: the scene that was segmented last; None before the first segmentation.
        objects: those known, by id, labelled by `vocabulary`.
        vocabulary: the words in force; None before the first ones.
        keyframes: pictures of the map, oldest first.
        best_views: of each object by its id, best first; none where no picture shows it.
        events: the newest, oldest first.
        areas: named parts of the map, by name.
        prototypes: kinds of objects that a person has taught, by name.
        semantic: classes of the points of the scene; None where nothing labels points.
    """

    version: int = 0
    epoch: int = 0
    stamp_ns: int = 0
    scene: Scene | None = None
    objects: tuple[MapObject, ...] = ()
    vocabulary: Vocabulary | None = None
    keyframes: tuple[Keyframe, ...] = ()
    best_views: Mapping[int, tuple[ObjectView, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    events: tuple[Event, ...] = ()
    areas: tuple[Area, ...] = ()
    prototypes: tuple[Prototype, ...] = ()
    semantic: SemanticLabels | None = None

    @property
    def vocabulary_version(self) -> int:
        """Version of the words in force; 0 without any."""
        return self.vocabulary.version if self.vocabulary else 0
