"""Overlay: the newest camera picture with masks and names, while somebody subscribes."""

from __future__ import annotations

import logging
import threading

from rclpy.node import Node
from sensor_msgs.msg import Image

from seg3d_ros.engine.engine import Engine
from seg3d_ros.mapping.keyframes.keyframe import view_of
from seg3d_ros.node.conversions import header_msg
from seg3d_ros.node.qos import STREAM
from seg3d_ros.node.sensor_messages import color_msg
from seg3d_ros.pictures.overlay import draw_overlay

log = logging.getLogger(__name__)

PERIOD_S = 0.2
STOP_S = 1.0  # a picture that takes longer is not waited for


class OverlayPublisher:
    """Draws and publishes in a thread of its own, at most once in PERIOD_S."""

    def __init__(self, node: Node, engine: Engine) -> None:
        self._node = node
        self._engine = engine
        self._publisher = node.create_publisher(Image, "~/overlay", STREAM)
        self._sent: object = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="overlay", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop publishing."""
        self._closed.set()
        self._thread.join(STOP_S)
        self._node.destroy_publisher(self._publisher)

    def _run(self) -> None:
        while not self._closed.wait(PERIOD_S):
            try:
                if self._publisher.get_subscription_count():
                    self._publish()
            except Exception:
                # One bad picture must not end the thread.
                if not self._closed.is_set():
                    log.exception("the overlay could not be drawn")

    def _publish(self) -> None:
        state, frame = self._engine.state, self._engine.newest_picture
        if frame is None or state.scene is None or self._sent == (frame, state.version):
            return
        self._sent = (frame, state.version)
        view = view_of(frame)
        if view is None:  # rings of a lidar, for example
            return
        with self._engine.timings.measure("overlay"):
            picture = draw_overlay(view, state.objects, state.scene.grid)
        if not self._closed.is_set():
            header = header_msg(frame.frame_id, frame.stamp_ns)
            self._publisher.publish(color_msg(header, picture))
