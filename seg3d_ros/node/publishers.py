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

from seg3d_ros.engine.perception import Segmentation
from seg3d_ros.msg import InstanceArray
from seg3d_ros.msg import Vocabulary as VocabularyMsg
from seg3d_ros.node.conversions import (
    NO_INSTANCE,
    header_msg,
    instance_cloud_msg,
    instance_msg,
    map_cloud_msg,
)
from seg3d_ros.node.markers import MarkerBook
from seg3d_ros.node.qos import LATCHED, STREAM
from seg3d_ros.objects.map_object import MapObject, object_rows, rows_of_objects
from seg3d_ros.pictures.palette import color_of
from seg3d_ros.scene import Scene
from seg3d_ros.text.vocabulary import Vocabulary

log = logging.getLogger(__name__)

BACKGROUND_DIMMING = 0.35  # points of no object keep this much of their colour


class Outputs:
    """All publishers of results; made at configuration.

    Any thread may publish; a lock keeps the messages of one state together. What is published
    after `close`, by a thread that outlives its configuration, goes nowhere.
    """

    def __init__(self, node: LifecycleNode, *, fixed_frame: str, model: str) -> None:
        self._fixed_frame = fixed_frame
        self._model = model
        self._markers = MarkerBook()
        self._publishers: list[Any] = []

        def make(kind: Any, topic: str, qos: QoSProfile) -> Any:
            self._publishers.append(node.create_lifecycle_publisher(kind, topic, qos))
            return self._publishers[-1]

        self._instances = make(InstanceArray, "~/instances", LATCHED)
        self._marker_array = make(MarkerArray, "~/markers", LATCHED)
        self._vocabulary = make(VocabularyMsg, "~/vocabulary", LATCHED)
        self._instance_cloud = make(PointCloud2, "~/instance_cloud", STREAM)
        self._map_cloud = make(PointCloud2, "~/map_cloud", STREAM)
        self._detections = None
        if importlib.util.find_spec("vision_msgs"):
            from vision_msgs.msg import Detection3DArray

            self._detections = make(Detection3DArray, "~/detections", LATCHED)
        self._clouds_sent_of: dict[str, Scene] = {}
        self._said_coarse = False
        self._closed = False
        self._lock = threading.RLock()

    def close(self, node: LifecycleNode) -> None:
        """Take the publishers down."""
        with self._lock:
            self._closed = True
            for publisher in self._publishers:
                node.destroy_lifecycle_publisher(publisher)
            self._publishers.clear()

    def publish_vocabulary(self, vocabulary: Vocabulary | None, text_model: str) -> None:
        """Latch the words in force."""
        msg = VocabularyMsg(text_model=text_model)
        if vocabulary is not None:
            msg.version = vocabulary.version
            msg.labels = list(vocabulary.entries)
            msg.prompt_templates = list(vocabulary.templates)
        with self._lock:
            if not self._closed:
                self._vocabulary.publish(msg)

    def publish(self, segmentation: Segmentation, vocabulary: Vocabulary | None) -> None:
        """Send everything that follows from a new state of the objects."""
        header = header_msg(self._fixed_frame, segmentation.scene.stamp_ns)
        with self._lock:
            if self._closed:
                return
            self._publish_instances(header, segmentation.objects, vocabulary)
            self._marker_array.publish(self._markers.update(header, segmentation.objects))
            if self._detections is not None:
                from seg3d_ros.node.detections import detections_msg

                self._detections.publish(detections_msg(header, segmentation.objects))
            self._clouds_sent_of.clear()
            self.publish_clouds(segmentation)

    def publish_clouds(self, segmentation: Segmentation) -> None:
        """Send the clouds that somebody subscribes to and that were not sent of this scene yet."""
        scene = segmentation.scene
        header = header_msg(self._fixed_frame, scene.stamp_ns)
        with self._lock:
            if self._closed:
                return
            if self._is_due("instances", self._instance_cloud, scene):
                self._warn_of_coarse_clouds(scene)
                self._instance_cloud.publish(colored_by_instance(header, segmentation))
            if self._is_due("map", self._map_cloud, scene):
                self._warn_of_coarse_clouds(scene)
                points = scene.grid.map_from_local(scene.points)
                self._map_cloud.publish(map_cloud_msg(header, points, scene.colors))

    def lacks_clouds(self, segmentation: Segmentation) -> bool:
        """Whether somebody subscribes to a cloud that was not sent of this scene yet."""
        publishers = {"instances": self._instance_cloud, "map": self._map_cloud}
        return not self._closed and any(
            self._clouds_sent_of.get(name) is not segmentation.scene
            and publisher.get_subscription_count()
            for name, publisher in publishers.items()
        )

    def publish_empty(self, stamp_ns: int, vocabulary: Vocabulary | None) -> None:
        """Take everything back, after the map was cleared."""
        nowhere = np.zeros((0, 3), np.float32)
        scene = Scene(nowhere, nowhere, np.zeros(0, np.int64), voxel_size=1.0, stamp_ns=stamp_ns)
        self.publish(Segmentation(scene, ()), vocabulary)

    def _publish_instances(
        self, header: Header, objects: tuple[MapObject, ...], vocabulary: Vocabulary | None
    ) -> None:
        self._instances.publish(
            InstanceArray(
                header=header,
                vocabulary_version=vocabulary.version if vocabulary else 0,
                model=self._model,
                instances=[instance_msg(item) for item in objects],
            )
        )

    def _warn_of_coarse_clouds(self, scene: Scene) -> None:
        """Say once that float32, all that RViz and PCL read in a cloud, is too coarse here."""
        step = float(np.spacing(np.float32(np.abs(scene.origin).max())))
        if step > scene.voxel_size / 2 and not self._said_coarse:
            self._said_coarse = True
            log.warning(
                "the map is %.0f km from zero of %s: its clouds, float32, lie in steps of %g m; "
                "boxes and markers are exact. Give a fixed_frame whose zero is nearer for clouds",
                np.abs(scene.origin).max() / 1000,
                self._fixed_frame,
                step,
            )

    def _is_due(self, name: str, publisher: Any, scene: Scene) -> bool:
        """Clouds are large: build one only for a subscriber, and once a scene."""
        if not publisher.get_subscription_count():
            self._clouds_sent_of.pop(name, None)
            return False
        due = self._clouds_sent_of.get(name) is not scene
        self._clouds_sent_of[name] = scene
        return due


def colored_by_instance(header: Header, segmentation: Segmentation) -> PointCloud2:
    """The scene with each object in its own colour and the rest dimmed."""
    scene = segmentation.scene
    colors = scene.colors * BACKGROUND_DIMMING
    ids = np.full(len(scene), NO_INSTANCE, np.uint32)
    scores = np.zeros(len(scene), np.float32)
    objects = segmentation.objects
    if objects:
        rows, owners = rows_of_objects(scene, objects)
        colors[rows] = np.array([color_of(item.id) for item in objects], np.float32)[owners] / 255
        ids[rows] = np.array([item.id for item in objects], np.uint32)[owners]
        scores[rows] = np.array([item.score for item in objects], np.float32)[owners]
    return instance_cloud_msg(header, scene.grid.map_from_local(scene.points), colors, ids, scores)


def cloud_of_object(header: Header, scene: Scene, item: MapObject) -> PointCloud2:
    """The points of one object in their own colours."""
    rows = object_rows(scene, item)
    points = scene.grid.map_from_local(scene.points[rows])
    return instance_cloud_msg(header, points, scene.colors[rows], item.id, np.float32(item.score))
