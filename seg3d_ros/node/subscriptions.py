"""Subscriptions: clouds and cameras become pending frames."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.node import Node
from rclpy.qos import qos_policy_name_from_kind
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from seg3d_ros.engine.pending_frame import Measurement, PendingFrame
from seg3d_ros.engine.source_stats import SourceStats
from seg3d_ros.node.conversions import (
    NANOSECONDS,
    cloud_from_msg,
    stamp_ns,
)
from seg3d_ros.node.pairing import StampPairer
from seg3d_ros.node.qos import SENSOR
from seg3d_ros.scene import Float64
from seg3d_ros.sensing.calibration import is_rectified
from seg3d_ros.sensing.cloud_decoder import NO_COLORS
from seg3d_ros.sensing.rgbd import RgbdMessages, RgbdReader

try:
    from rclpy.event_handler import SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks

log = logging.getLogger(__name__)
Deliver = Callable[[PendingFrame], None]
Pair = tuple[Any, Any]  # colour and depth message of one moment


@dataclass(frozen=True)
class Topic:
    """Topic of a subscription.

    Attributes:
        name: fully qualified, after remapping.
        kind: message class.
    """

    name: str
    kind: Any


class Subscriptions:
    """All subscriptions to sensors; lives while the node is active.

    Attributes:
        stats: fates of the messages, by source name.
        topics: topics by source name.
    """

    def __init__(
        self,
        node: Node,
        *,
        cloud_topics: tuple[str, ...],
        cameras: tuple[str, ...],
        compressed_color: bool,
        compressed_depth: bool,
        sync_slop: float,
        deliver: Deliver,
    ) -> None:
        self._node = node
        self._deliver = deliver
        self._subscriptions: list[Any] = []
        self.stats: dict[str, SourceStats] = {}
        self.topics: dict[str, tuple[Topic, ...]] = {}
        for topic in cloud_topics:
            self._add_cloud(topic)
        for camera in cameras:
            self._add_camera(
                camera,
                color="color/compressed" if compressed_color else "color",
                depth="depth/compressedDepth" if compressed_depth else "depth",
                sync_slop=sync_slop,
            )

    def close(self) -> None:
        """Stop listening."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()

    def _add_cloud(self, topic: str) -> None:
        stats = self.stats.setdefault(topic, SourceStats())
        reader = CloudReader(topic)

        def on_cloud(msg: PointCloud2) -> None:
            stats.count_received()
            self._deliver(
                PendingFrame(
                    source=topic,
                    frame_id=msg.header.frame_id,
                    stamp_ns=stamp_ns(msg.header.stamp),
                    read=lambda _: reader.read(msg),
                    size=len(msg.data),
                )
            )

        self.topics[topic] = (self._subscribe(PointCloud2, topic, on_cloud),)

    def _add_camera(self, camera: str, *, color: str, depth: str, sync_slop: float) -> None:
        stats = self.stats.setdefault(camera, SourceStats())
        source = CameraSource(camera, stats, sync_slop, self._deliver)
        self.topics[camera] = (
            self._subscribe(_image_type(color), f"{camera}/{color}", source.on_color),
            self._subscribe(_image_type(depth), f"{camera}/{depth}", source.on_depth),
            self._subscribe(CameraInfo, f"{camera}/camera_info", source.on_camera_info),
        )
        source.color_rectified, source.depth_rectified = (
            is_rectified(topic.name) for topic in self.topics[camera][:2]
        )
        # Only depth that is not registered to colour has a calibration of its own.
        self._subscribe(CameraInfo, f"{camera}/depth/camera_info", source.on_depth_info)

    def _subscribe(self, kind: Any, topic: str, callback: Callable[[Any], None]) -> Topic:
        name = self._node.resolve_topic_name(topic)  # overrides are declared by this name, too

        def on_incompatible(event: Any) -> None:
            policy = qos_policy_name_from_kind(event.last_policy_kind)
            self._node.get_logger().warning(
                f"a publisher of {name} offers a quality of service that this node cannot use "
                f"(policy {policy}); nothing of it will arrive. "
                f"Override it with the parameters qos_overrides.{name}.subscription.*"
            )

        self._subscriptions.append(
            self._node.create_subscription(
                kind,
                topic,
                callback,
                copy.copy(SENSOR),  # rclpy writes the overrides of this topic into it
                event_callbacks=SubscriptionEventCallbacks(incompatible_qos=on_incompatible),
                qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            )
        )
        return Topic(name, kind)


class CameraSource:
    """Pairs colour and depth of one camera; its callbacks run in the executor's thread.

    Attributes:
        color_rectified: colour images are rectified already.
        depth_rectified: depth images are rectified already.
    """

    def __init__(self, name: str, stats: SourceStats, sync_slop: float, deliver: Deliver) -> None:
        self.color_rectified = self.depth_rectified = False
        self._name = name
        self._stats = stats
        self._deliver = deliver
        self._pairer: StampPairer[Any] = StampPairer(round(sync_slop * NANOSECONDS))
        self._reader = RgbdReader()
        self._camera_info: CameraInfo | None = None
        self._depth_info: CameraInfo | None = None
        self._held: Pair | None = None
        self._has_paired = False

    def on_color(self, msg: Image | CompressedImage) -> None:
        """Take a colour image."""
        self._add(0, msg)

    def on_depth(self, msg: Image) -> None:
        """Take a depth image; these are what is counted as input."""
        self._stats.count_received()
        self._add(1, msg)

    def on_camera_info(self, msg: CameraInfo) -> None:
        """Remember the newest calibration; images that came before the first one go on."""
        self._camera_info = msg
        if self._held is not None:
            pair, self._held = self._held, None
            self._stats.wait_for("")
            self._deliver_pair(pair, msg)

    def on_depth_info(self, msg: CameraInfo) -> None:
        """Remember the newest calibration of depth that is not registered to colour."""
        self._depth_info = msg

    def _add(self, side: int, msg: Any) -> None:
        before = self._pairer.unpaired
        pair = self._pairer.add(side, stamp_ns(msg.header.stamp), msg)
        if self._pairer.unpaired > before:
            self._stats.count_dropped("no partner image", self._pairer.unpaired - before)
        if not self._has_paired:
            self._has_paired = pair is not None
            self._stats.wait_for("" if self._has_paired else "colour and depth to pair")
        if pair is None:
            return
        if self._camera_info is None:
            self._wait_for_camera_info(pair)
        else:
            self._deliver_pair(pair, self._camera_info)

    def _wait_for_camera_info(self, pair: Pair) -> None:
        """Keep the newest pair: the first camera_info may come right after the first images."""
        if self._held is not None:
            self._stats.count_dropped("no camera_info")
        self._held = pair
        self._stats.wait_for("camera_info")

    def _deliver_pair(self, pair: Pair, info: CameraInfo) -> None:
        color, depth = pair
        messages = RgbdMessages(
            color,
            depth,
            color_info=info,
            depth_info=self._depth_info,
            color_rectified=self.color_rectified,
            depth_rectified=self.depth_rectified,
        )
        self._deliver(
            PendingFrame(
                source=self._name,
                frame_id=depth.header.frame_id,
                stamp_ns=stamp_ns(depth.header.stamp),
                read=lambda color_from_depth: _read_images(
                    self._reader, messages, color_from_depth
                ),
                size=len(color.data) + len(depth.data),
                color_frame_id="" if messages.are_registered else color.header.frame_id,
            )
        )


def _image_type(topic: str) -> Any:
    return CompressedImage if "/" in topic else Image


class CloudReader:
    """Decodes the clouds of one topic; says once when they have no colours."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._has_warned = False

    def read(self, msg: PointCloud2) -> Measurement:
        """Decode a cloud; see `decode_cloud` for the errors."""
        cloud = cloud_from_msg(msg)
        if not (cloud.has_colors or self._has_warned):
            self._has_warned = True
            log.warning(NO_COLORS, self._topic)
        return Measurement(cloud.points, cloud.colors, cloud.grid)


def _read_images(
    reader: RgbdReader, messages: RgbdMessages, color_from_depth: Float64 | None
) -> Measurement:
    image = reader.read(messages.with_own_calibrations(), color_from_depth)
    height, width = image.depth.shape
    return Measurement(
        image.points(),
        image.color.reshape(-1, 3),
        (height, width),
        image.camera,
        image.frame_from_camera,
    )
