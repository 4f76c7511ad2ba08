"""A camera as a program of its own: 640 x 480 at 30 Hz, as a cloud or as images.

python camera_stream.py points 300
python camera_stream.py front 300
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

from seg3d_ros.node.conversions import header_msg
from seg3d_ros.node.qos import SENSOR
from seg3d_ros.node.sensor_messages import (
    camera_info_msg,
    color_msg,
    depth_msg,
    measured_cloud_msg,
    transform_msg,
)
from seg3d_ros.scene import Camera
from seg3d_ros.sensing.depth_image import deproject

sys.path.insert(0, str(Path(__file__).parents[1]))
from support import toy_room

CAMERA = Camera(640, 480, 525.0, 525.0, 319.5, 239.5)
RATE_HZ = 30.0
FRAME = "camera"
DEADLINE_S = 30.0


class CameraStream:
    """Publishes views of the toy room; everything runs in the thread that calls `run`.

    Attributes:
        late_s: the most that a frame was late, seconds.
    """

    def __init__(self, node: Node, source: str) -> None:
        self.late_s = 0.0
        self._node = node
        self._poses = toy_room.views(6)
        kinds: dict[str, Any] = {source: PointCloud2}
        make = _cloud
        if source != "points":
            topics = ("camera_info", "color", "depth")
            kinds = dict(zip((f"{source}/{t}" for t in topics), (CameraInfo, Image, Image)))
            make = _images
        self._sensors = [node.create_publisher(kind, name, SENSOR) for name, kind in kinds.items()]
        # The last one made: who acknowledges a message of it knows all others.
        self._transforms = node.create_publisher(TFMessage, "/tf", QoSProfile(depth=100))
        self._frames = [make(*toy_room.cast(pose, camera=CAMERA)) for pose in self._poses]

    def wait_for_listeners(self) -> None:
        """Wait until somebody listens to every topic and knows the publishers."""
        end = time.monotonic() + DEADLINE_S
        while not all(p.get_subscription_count() for p in (*self._sensors, self._transforms)):
            if time.monotonic() > end:
                raise TimeoutError("nobody listens to the camera")
            time.sleep(0.02)
        self._transforms.publish(TFMessage())
        if not self._transforms.wait_for_all_acked(Duration(seconds=DEADLINE_S)):
            raise TimeoutError("a listener of /tf does not answer")

    def run(self, count: int) -> None:
        """Send so many frames, each when it is due."""
        start = time.monotonic()
        for number in range(count):
            ahead = start + number / RATE_HZ - time.monotonic()
            self.late_s = max(self.late_s, -ahead)
            time.sleep(max(0.0, ahead))
            self._send(number % len(self._frames))

    def _send(self, view: int) -> None:
        stamp = self._node.get_clock().now().nanoseconds
        pose = transform_msg(header_msg("map", stamp), FRAME, self._poses[view])
        self._transforms.publish(TFMessage(transforms=[pose]))
        for publisher, message in zip(self._sensors, self._frames[view], strict=True):
            message.header = header_msg(FRAME, stamp)
            publisher.publish(message)


def _cloud(depth: np.ndarray, color: np.ndarray) -> list[Any]:
    points = deproject(depth, CAMERA, depth_unit=1.0)
    return [measured_cloud_msg(Header(), points, color.reshape(-1, 3), grid=depth.shape)]


def _images(depth: np.ndarray, color: np.ndarray) -> list[Any]:
    millimetres = np.nan_to_num(depth * 1000).astype(np.uint16)
    return [
        camera_info_msg(Header(), CAMERA),
        color_msg(Header(), color),
        depth_msg(Header(), millimetres, unit=0.001),
    ]


def main(source: str, count: int) -> None:
    rclpy.init()
    node = rclpy.create_node("camera_stream")
    stream = CameraStream(node, source)
    stream.wait_for_listeners()
    stream.run(count)
    node.get_logger().info(f"{count} frames sent, at most {1e3 * stream.late_s:.0f} ms late")
    time.sleep(1.0)  # what is published last must not go with its publisher
    rclpy.try_shutdown()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
