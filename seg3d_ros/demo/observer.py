"""Outputs of a node, collected in the background: diagnostics and the final result."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import PointCloud2

from seg3d_ros.msg import Instance, InstanceArray
from seg3d_ros.node.conversions import cloud_from_msg, stamp_ns, yaw_of
from seg3d_ros.node.qos import LATCHED, STREAM
from seg3d_ros.objects.box import Box
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.scene import Scene
from seg3d_ros.text.vocabulary import Candidate

Status = dict[str, str]  # keys and values of one status of /diagnostics, and its message


class Observer:
    """Listens to one seg3d node in a thread of its own; `rclpy.init` must have been called."""

    def __init__(self, server: str = "/seg3d") -> None:
        self._server = server
        self._statuses: dict[str, Status] = {}
        self._newest: dict[str, Any] = {}
        self._node = rclpy.create_node("seg3d_observer")
        self._node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._executor.spin, name="observer", daemon=True)
        self._thread.start()

    def __enter__(self) -> Observer:
        return self

    def __exit__(self, *error: object) -> None:
        self._executor.shutdown()
        self._thread.join()
        self._node.destroy_node()

    def status(self, name: str) -> Status:
        """Newest status whose name ends so, with its `message`; empty before the first one."""
        return next((s for key, s in self._statuses.items() if key.endswith(name)), {})

    def forget_statuses(self) -> None:
        """Take only what is reported from now on."""
        self._statuses = {}

    def listen_to_results(self) -> None:
        """Ask for objects and clouds; the node builds clouds only for those who listen."""
        topics = (
            (InstanceArray, "instances", LATCHED),
            (PointCloud2, "instance_cloud", STREAM),
            (PointCloud2, "map_cloud", STREAM),
        )
        for kind, name, qos in topics:

            def keep(msg: Any, name: str = name) -> None:
                self._newest[name] = msg

            self._node.create_subscription(kind, f"{self._server}/{name}", keep, qos)

    def result(self, *, voxel_size: float) -> tuple[Scene, tuple[MapObject, ...]] | None:
        """The newest scene with its objects; None until all messages of one state are there."""
        newest = self._newest.copy()
        if len(newest) < 3:
            return None
        instances, painted, plain = (
            newest[k] for k in ("instances", "instance_cloud", "map_cloud")
        )
        if not instances.header == painted.header == plain.header:
            return None
        ids = _instance_ids(painted)
        # Two segmentations of one map have one stamp; the counts tell them apart.
        counts = dict(zip(*np.unique(ids[ids > 0], return_counts=True), strict=True))
        if counts != {item.id: item.point_count for item in instances.instances}:
            return None
        scene = _scene(plain, voxel_size)
        return scene, tuple(_map_object(item, scene, ids) for item in instances.instances)

    def _on_diagnostics(self, msg: DiagnosticArray) -> None:
        for status in msg.status:
            values = {item.key: item.value for item in status.values}
            self._statuses[status.name] = {**values, "message": status.message}


def _instance_ids(cloud: PointCloud2) -> Any:
    offset = next(field.offset for field in cloud.fields if field.name == "instance_id")
    rows = np.frombuffer(cloud.data, np.uint8).reshape(-1, cloud.point_step)
    return np.ascontiguousarray(rows[:, offset : offset + 4]).view("<u4")[:, 0]


def _scene(msg: PointCloud2, voxel_size: float) -> Scene:
    """The map; its ids only have to fit those of the objects, so row numbers will do."""
    cloud = cloud_from_msg(msg)
    return Scene(
        points=cloud.points,
        colors=np.divide(cloud.colors, 255, dtype=np.float32),
        element_ids=np.arange(len(cloud.points)),
        voxel_size=voxel_size,
        stamp_ns=stamp_ns(msg.header.stamp),
    )


def _map_object(item: Instance, scene: Scene, ids: Any) -> MapObject:
    p, s = item.pose.position, item.size
    c = item.centroid
    box = Box(np.array([p.x, p.y, p.z]), np.array([s.x, s.y, s.z]), yaw_of(item.pose))
    ranked = zip(item.candidate_labels, item.candidate_scores, strict=True)
    return MapObject(
        id=item.id,
        element_ids=scene.element_ids[ids == item.id],
        points=scene.points[ids == item.id],
        box=box,
        centroid=np.array([c.x, c.y, c.z]),
        score=item.score,
        first_seen_ns=stamp_ns(item.first_seen),
        last_seen_ns=stamp_ns(item.last_seen),
        candidates=tuple(Candidate(label, probability) for label, probability in ranked),
        pinned_label=item.label,
    )
