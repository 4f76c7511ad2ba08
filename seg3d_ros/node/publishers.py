"""Publishers: objects as instances, clouds, markers and detections."""

from __future__ import annotations

import importlib.util
import logging
import threading
from typing import Any

import numpy as np
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from seg3d_ros.engine.world_state import WorldState
from seg3d_ros.msg import EventArray, InstanceArray
from seg3d_ros.msg import Vocabulary as VocabularyMsg
from seg3d_ros.node.conversions import (
    header_msg,
    instance_cloud_msg,
    instance_msg,
    map_cloud_msg,
    painted_cloud_msg,
    semantic_cloud_msg,
)
from seg3d_ros.node.event_messages import events_msg
from seg3d_ros.node.markers import MarkerBook
from seg3d_ros.node.qos import LATCHED, STREAM
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.point_owners import object_rows
from seg3d_ros.objects.prototypes import Prototype
from seg3d_ros.pictures.id_colors import colors_of_classes
from seg3d_ros.pictures.painted_points import painted_points
from seg3d_ros.scene import Scene
from seg3d_ros.segmenters.segmenter import SemanticLabels
from seg3d_ros.text.vocabulary import Vocabulary

log = logging.getLogger(__name__)

BACKGROUND_DIMMING = 0.35  # points of no object keep this much of their colour


class Publishers:
    """All publishers of results; made at configuration.

    `publish` is a listener of the engine: it is called with ever newer states, from one thread.
    What is published after `close` goes nowhere.
    """

    def __init__(
        self, node: LifecycleNode, *, fixed_frame: str, model: str, text_model: str
    ) -> None:
        self._fixed_frame = fixed_frame
        self._model = model
        self._text_model = text_model
        self._markers = MarkerBook()
        self._publishers: list[Any] = []

        def make(kind: Any, topic: str, qos: QoSProfile) -> Any:
            self._publishers.append(node.create_lifecycle_publisher(kind, topic, qos))
            return self._publishers[-1]

        self._instances = make(InstanceArray, "~/instances", LATCHED)
        self._marker_array = make(MarkerArray, "~/markers", LATCHED)
        self._events = make(EventArray, "~/events", LATCHED)
        self._vocabulary = make(VocabularyMsg, "~/vocabulary", LATCHED)
        self._instance_cloud = make(PointCloud2, "~/instance_cloud", STREAM)
        self._map_cloud = make(PointCloud2, "~/map_cloud", STREAM)
        self._semantic_cloud = make(PointCloud2, "~/semantic_cloud", STREAM)
        self._detections = None
        if importlib.util.find_spec("vision_msgs"):
            from vision_msgs.msg import Detection3DArray

            self._detections = make(Detection3DArray, "~/detections", LATCHED)
        self._sent: WorldState | None = None
        self._clouds_sent_of: dict[str, object] = {}
        self._said_coarse = False
        self._lock = threading.Lock()  # close against publish

    def close(self, node: LifecycleNode) -> None:
        """Take the publishers down."""
        with self._lock:
            for publisher in self._publishers:
                node.destroy_lifecycle_publisher(publisher)
            self._publishers.clear()

    def publish(self, state: WorldState) -> None:
        """Send what has changed, and the clouds that somebody subscribes to."""
        with self._lock:
            if not self._publishers:
                return
            before, self._sent = self._sent, state
            if before is None or _words(state) != _words(before):
                self._publish_vocabulary(state.vocabulary, state.prototypes)
            if before is None or state.events is not before.events:
                self._events.publish(events_msg(self._fixed_frame, state.events))
            if state.scene is None:
                return
            header = header_msg(self._fixed_frame, state.stamp_ns)
            if state is not before:
                self._publish_objects(header, state)
            self._publish_clouds(header, state, state.scene)

    def lacks_clouds(self, state: WorldState) -> bool:
        """Whether somebody subscribes to a cloud that was not sent of this state yet."""
        if state.scene is None:
            return False
        contents: dict[str, tuple[Any, object]] = {
            "instances": (self._instance_cloud, state),
            "map": (self._map_cloud, state.scene),
        }
        if state.semantic is not None:
            contents["semantic"] = (self._semantic_cloud, state.semantic)
        return any(
            self._clouds_sent_of.get(name) is not content and publisher.get_subscription_count()
            for name, (publisher, content) in contents.items()
        )

    def begin(self) -> None:
        """Send everything with the next state: nothing left the node while it was inactive."""
        self._sent = None
        self._clouds_sent_of.clear()

    def _publish_vocabulary(
        self, vocabulary: Vocabulary | None, prototypes: tuple[Prototype, ...]
    ) -> None:
        msg = VocabularyMsg(text_model=self._text_model)
        if vocabulary is not None:
            msg.version = vocabulary.version
            msg.labels = list(vocabulary.entries)
            msg.prompt_templates = list(vocabulary.templates)
        msg.taught_names = [prototype.name for prototype in prototypes]
        msg.taught_objects = [prototype.examples for prototype in prototypes]
        self._vocabulary.publish(msg)

    def _publish_objects(self, header: Header, state: WorldState) -> None:
        self._instances.publish(
            InstanceArray(
                header=header,
                vocabulary_version=state.vocabulary_version,
                model=self._model,
                instances=[instance_msg(item) for item in state.objects],
            )
        )
        self._marker_array.publish(self._markers.update(header, state.objects))
        if self._detections is not None:
            from seg3d_ros.node.detections import detections_msg

            self._detections.publish(detections_msg(header, state.objects))

    def _publish_clouds(self, header: Header, state: WorldState, scene: Scene) -> None:
        if self._is_due("instances", self._instance_cloud, state):
            self._warn_of_coarse_clouds(scene)
            self._instance_cloud.publish(colored_by_instance(header, scene, state.objects))
        if self._is_due("map", self._map_cloud, scene):
            self._warn_of_coarse_clouds(scene)
            points = scene.grid.map_from_local(scene.points)
            self._map_cloud.publish(map_cloud_msg(header, points, scene.colors))
        if state.semantic is not None and self._is_due(
            "semantic", self._semantic_cloud, state.semantic
        ):
            self._warn_of_coarse_clouds(scene)
            self._semantic_cloud.publish(colored_by_class(header, scene, state.semantic))

    def _warn_of_coarse_clouds(self, scene: Scene) -> None:
        """Say once that float32, all that RViz and PCL read in a cloud, is too coarse here."""
        step = float(np.spacing(np.float32(np.abs(scene.origin).max())))
        if step > scene.voxel_size / 2 and not self._said_coarse:
            self._said_coarse = True
            log.warning(
                "the map is %.0f km from zero of %s: its clouds, float32, lie in steps of %g m; "
                "boxes and markers are exact. For clouds set node.fixed_frame to a nearer frame",
                np.abs(scene.origin).max() / 1000,
                self._fixed_frame,
                step,
            )

    def _is_due(self, name: str, publisher: Any, content: object) -> bool:
        """Clouds are large: build one only for a subscriber, and once for the same content."""
        if not publisher.get_subscription_count():
            self._clouds_sent_of.pop(name, None)
            return False
        due = self._clouds_sent_of.get(name) is not content
        self._clouds_sent_of[name] = content
        return due


def _words(state: WorldState) -> tuple[Vocabulary | None, list[tuple[str, int]]]:
    """All that the message about words holds; prototypes are learnt anew more often."""
    return state.vocabulary, [(taught.name, taught.examples) for taught in state.prototypes]


def colored_by_instance(
    header: Header, scene: Scene, objects: tuple[MapObject, ...]
) -> PointCloud2:
    """The scene with each object in its own colour and the rest dimmed."""
    painted = painted_points(scene, objects, dimming=BACKGROUND_DIMMING)
    return painted_cloud_msg(header, painted)


def colored_by_class(header: Header, scene: Scene, found: SemanticLabels) -> PointCloud2:
    """The scene with each class in its own colour; class_id is 0 where nothing is known."""
    ids = found.labels + 1
    colors = (colors_of_classes(ids) / 255).astype(np.float32)
    points = scene.grid.map_from_local(scene.points)
    return semantic_cloud_msg(header, points, colors, ids)


def cloud_of_object(header: Header, scene: Scene, item: MapObject) -> PointCloud2:
    """The points of one object in their own colours."""
    rows = object_rows(scene, item)
    points = scene.grid.map_from_local(scene.points[rows])
    return instance_cloud_msg(header, points, scene.colors[rows], item.id, np.float32(item.score))
