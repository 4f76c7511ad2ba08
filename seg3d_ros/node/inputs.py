"""Subscriptions: clouds and cameras become arrivals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from seg3d_ros.mapping.depth_image import deproject
from seg3d_ros.mapping.image_decoder import ImageError, decode_compressed
from seg3d_ros.node.arrival import Arrival, Measurement, SourceRecord
from seg3d_ros.node.conversions import (
    NANOSECONDS,
    camera_from_msg,
    cloud_from_msg,
    color_from_msg,
    depth_from_msg,
    stamp_ns,
)
from seg3d_ros.node.pairing import StampPairer
from seg3d_ros.node.qos import SENSOR

Deliver = Callable[[Arrival], None]
Pair = tuple[Any, Any]  # colour and depth message of one moment


class Inputs:
    """All subscriptions to sensors; lives while the node is active.

    Attributes:
        records: what became of the messages, by source name.
        topics: topics by source name, for "is anybody publishing?".
    """

    def __init__(
        self,
        node: Node,
        *,
        cloud_topics: tuple[str, ...],
        cameras: tuple[str, ...],
        compressed_color: bool,
        sync_slop: float,
        deliver: Deliver,
    ) -> None:
        self._node = node
        self._deliver = deliver
        self._subscriptions: list[Any] = []
        self.records: dict[str, SourceRecord] = {}
        self.topics: dict[str, tuple[str, ...]] = {}
        for topic in cloud_topics:
            self._add_cloud(topic)
        for camera in cameras:
            self._add_camera(camera, compressed_color, sync_slop)

    def close(self) -> None:
        """Stop listening."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()

    def _add_cloud(self, topic: str) -> None:
        record = self._add_source(topic, (topic,))

        def on_cloud(msg: PointCloud2) -> None:
            record.count_received()
            self._deliver(
                Arrival(
                    source=topic,
                    frame_id=msg.header.frame_id,
                    stamp_ns=stamp_ns(msg.header.stamp),
                    read=lambda: _read_cloud(msg),
                )
            )

        self._subscribe(PointCloud2, topic, on_cloud)

    def _add_camera(self, camera: str, compressed: bool, sync_slop: float) -> None:
        color_topic = f"{camera}/color" + ("/compressed" if compressed else "")
        topics = (color_topic, f"{camera}/depth", f"{camera}/camera_info")
        source = CameraSource(camera, self._add_source(camera, topics), sync_slop, self._deliver)
        self._subscribe(CompressedImage if compressed else Image, topics[0], source.on_color)
        self._subscribe(Image, topics[1], source.on_depth)
        self._subscribe(CameraInfo, topics[2], source.on_camera_info)

    def _add_source(self, name: str, topics: tuple[str, ...]) -> SourceRecord:
        self.topics[name] = topics
        return self.records.setdefault(name, SourceRecord())

    def _subscribe(self, kind: Any, topic: str, callback: Callable[[Any], None]) -> None:
        def on_incompatible(event: Any) -> None:
            self._node.get_logger().warning(
                f"a publisher of {topic} offers a quality of service that this node cannot use "
                f"(policy {event.last_policy_kind}); nothing of it will arrive. "
                f"Override it with the parameters qos_overrides.{topic}.subscription.*"
            )

        self._subscriptions.append(
            self._node.create_subscription(
                kind,
                topic,
                callback,
                SENSOR,
                event_callbacks=SubscriptionEventCallbacks(incompatible_qos=on_incompatible),
                qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            )
        )


class CameraSource:
    """Pairs colour and depth of one camera; its callbacks run in the executor's thread."""

    def __init__(
        self, name: str, record: SourceRecord, sync_slop: float, deliver: Deliver
    ) -> None:
        self._name = name
        self._record = record
        self._deliver = deliver
        self._pairer: StampPairer[Any] = StampPairer(round(sync_slop * NANOSECONDS))
        self._camera_info: CameraInfo | None = None
        self._held: Pair | None = None

    def on_color(self, msg: Image | CompressedImage) -> None:
        """Take a colour image."""
        self._add(0, msg)

    def on_depth(self, msg: Image) -> None:
        """Take a depth image; these are what is counted as input."""
        self._record.count_received()
        self._add(1, msg)

    def on_camera_info(self, msg: CameraInfo) -> None:
        """Remember the newest calibration; images that came before the first one go on."""
        self._camera_info = msg
        if self._held is not None:
            pair, self._held = self._held, None
            self._deliver_pair(pair, msg)

    def _add(self, side: int, msg: Any) -> None:
        before = self._pairer.unpaired
        pair = self._pairer.add(side, stamp_ns(msg.header.stamp), msg)
        if self._pairer.unpaired > before:
            self._record.count_dropped("no partner image", self._pairer.unpaired - before)
        if pair is None:
            self._record.wait_for("" if self._record.integrated else "colour and depth to pair")
            return
        if self._camera_info is None:
            self._wait_for_camera_info(pair)
        else:
            self._deliver_pair(pair, self._camera_info)

    def _wait_for_camera_info(self, pair: Pair) -> None:
        """Keep the newest pair: the first camera_info may come right after the first images."""
        if self._held is not None:
            self._record.count_dropped("no camera_info")
        self._held = pair
        self._record.wait_for("camera_info")

    def _deliver_pair(self, pair: Pair, info: CameraInfo) -> None:
        color, depth = pair
        self._deliver(
            Arrival(
                source=self._name,
                frame_id=depth.header.frame_id,
                stamp_ns=stamp_ns(depth.header.stamp),
                read=lambda: _read_images(color, depth, info),
            )
        )


def _read_cloud(msg: PointCloud2) -> Measurement:
    cloud = cloud_from_msg(msg)
    return Measurement(cloud.points, cloud.colors, cloud.grid)


def _read_images(color: Any, depth: Image, info: CameraInfo) -> Measurement:
    compressed = isinstance(color, CompressedImage)
    pixels = decode_compressed(color.data) if compressed else color_from_msg(color)
    distances, unit = depth_from_msg(depth)
    camera = camera_from_msg(info)
    shape = distances.shape
    if pixels.shape[:2] != shape:
        raise ImageError(
            f"colour is {pixels.shape[1]} x {pixels.shape[0]} and depth {shape[1]} x {shape[0]}; "
            "use depth that is registered to colour"
        )
    if (info.height, info.width) not in (shape, (0, 0)):
        raise ImageError(
            f"camera_info is for {info.width} x {info.height} and depth is "
            f"{shape[1]} x {shape[0]}; use the camera_info of the registered depth"
        )
    points = deproject(distances, camera, depth_unit=unit)
    return Measurement(points, pixels.reshape(-1, 3), (shape[0], shape[1]), camera)
