"""Transforms from /tf and /tf_static: tf2_ros where it is installed, else the built-in buffer."""

from __future__ import annotations

import importlib.util
import logging
from typing import Any, Protocol

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile

from seg3d_ros.engine.throttle import Throttle
from seg3d_ros.errors import InputError
from seg3d_ros.node.conversions import matrix_from_transform, stamp_ns
from seg3d_ros.scene import Float64
from seg3d_ros.sensing.transform_buffer import (
    ExtrapolationError,
    NotConnectedError,
    TransformBuffer,
    TransformError,
    UnknownFrameError,
)

log = logging.getLogger(__name__)
_throttle = Throttle(log)


class Lookup(Protocol):
    """Poses of frames at a time. Never blocks."""

    def lookup(self, target: str, source: str, stamp_ns: int | None) -> Float64:
        """(4, 4) target_from_source at that time, None: the newest; raises TransformError."""


class TransformSource(Lookup, Protocol):
    """Poses of frames as /tf and /tf_static tell them."""

    def clear(self) -> None:
        """Forget everything that moves, after time went back."""

    def close(self) -> None:
        """Stop listening."""


def listen(node: Node) -> TransformSource:
    """Start listening with the best means there is."""
    if importlib.util.find_spec("tf2_ros"):
        return Tf2Source(node)
    return BuiltinSource(node)


class Tf2Source:
    """The tf2_ros buffer behind our lookup call."""

    def __init__(self, node: Node) -> None:
        import tf2_ros

        self._tf2 = tf2_ros
        # Not given the node: it would offer /tf2_frames, which outlives the listener.
        self._buffer = tf2_ros.Buffer()
        # The node's own executor feeds the buffer, and nobody waits in it.
        self._listener = tf2_ros.TransformListener(self._buffer, node, spin_thread=False)

    def lookup(self, target: str, source: str, stamp_ns: int | None) -> Float64:
        """See `TransformSource.lookup`."""
        from rclpy.time import Time

        # tf2 takes a zero time for "the newest", which a frame without a stamp must not get.
        at = Time() if stamp_ns is None else Time(nanoseconds=max(stamp_ns, 1))
        try:
            found = self._buffer.lookup_transform(target, source, at)
        except self._tf2.ExtrapolationException as error:
            newest_ns = self._newest_common_ns(target, source)
            is_past = newest_ns is not None and at.nanoseconds < newest_ns
            raise ExtrapolationError(str(error), newest_ns=newest_ns, is_past=is_past) from error
        except self._tf2.ConnectivityException as error:
            raise NotConnectedError(str(error)) from error
        except self._tf2.LookupException as error:
            raise UnknownFrameError(str(error)) from error
        except self._tf2.TransformException as error:
            raise TransformError(str(error)) from error
        return matrix_from_transform(found.transform)

    def _newest_common_ns(self, target: str, source: str) -> int | None:
        try:
            return int(self._buffer.get_latest_common_time(target, source).nanoseconds)
        except self._tf2.TransformException:
            return None

    def clear(self) -> None:
        """See `TransformSource.clear`."""
        self._buffer.clear()

    def close(self) -> None:
        """See `TransformSource.close`."""
        self._listener.unregister()


class BuiltinSource:
    """The built-in buffer, fed by two subscriptions."""

    def __init__(self, node: Node) -> None:
        from tf2_msgs.msg import TFMessage

        self._node = node
        self._buffer = TransformBuffer()
        latched = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._subscriptions = [
            node.create_subscription(TFMessage, "/tf", self._on_moving, QoSProfile(depth=100)),
            node.create_subscription(TFMessage, "/tf_static", self._on_static, latched),
        ]

    def lookup(self, target: str, source: str, stamp_ns: int | None) -> Float64:
        """See `TransformSource.lookup`."""
        return self._buffer.lookup(target, source, stamp_ns)

    def clear(self) -> None:
        """See `TransformSource.clear`."""
        self._buffer.clear()

    def close(self) -> None:
        """See `TransformSource.close`."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()

    def _on_moving(self, msg: Any) -> None:
        store(self._buffer, msg, static=False)

    def _on_static(self, msg: Any) -> None:
        store(self._buffer, msg, static=True)


def store(buffer: TransformBuffer, msg: Any, *, static: bool) -> None:
    """Put the valid transforms of a tf2_msgs/TFMessage into the buffer."""
    for item in msg.transforms:
        header, t, q = item.header, item.transform.translation, item.transform.rotation
        pose = (t.x, t.y, t.z), (q.x, q.y, q.z, q.w)
        parent, child = header.frame_id, item.child_frame_id
        try:
            buffer.set_pose(parent, child, stamp_ns(header.stamp), pose, static=static)
        except InputError as error:
            # One bad transform must not take the others of its message with it.
            _throttle.warning(
                f"{parent} {child}", "transform %r from %r is ignored: %s", parent, child, error
            )
