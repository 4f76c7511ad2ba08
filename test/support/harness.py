"""The node in a process of its own, and a robot that talks to it over real DDS."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage

from seg3d_ros.node import sensor_messages
from seg3d_ros.node.conversions import cloud_from_msg, header_msg
from seg3d_ros.node.environment import free_domain
from seg3d_ros.node.qos import LATCHED, SENSOR, SERVICE, STREAM
from seg3d_ros.node.sensor_messages import (
    camera_info_msg,
    color_msg,
    depth_msg,
    measured_cloud_msg,
)
from seg3d_ros.sensing.depth_image import deproject
from support import toy_room
from support.waiting import DEADLINE_S, PATIENCE, wait_until

TOOL = np.diag([-1.0, -1.0, 1.0, 1.0])  # map_from_tool: turned by half a turn, 1 m to the left
TOOL[1, 3] = 1.0


class NodeProcess:
    """`seg3d_node` as its own process in a DDS domain of its own."""

    def __init__(
        self,
        folder: Path,
        *,
        domain: int | None = None,
        program: tuple[str, ...] = ("-m", "seg3d_ros.node.main"),
        arguments: tuple[str, ...] = (),
        env: dict[str, str] | None = None,
        **parameters: Any,
    ) -> None:
        self.domain = domain or free_domain()
        self.environment = {**os.environ, **(env or {}), "ROS_DOMAIN_ID": str(self.domain)}
        self.log = folder / f"node_{self.domain}_{secrets.token_hex(2)}.log"
        command = [sys.executable, *program, "--ros-args"]
        # Toy rooms hold plain boxes, which the geometric segmenters find without fail and fast.
        geometric = {"segmentation__model": "geometric", "prompt__model": "geometric"}
        for name, value in {**geometric, **parameters}.items():
            command += ["-p", f"{dotted(name)}:={_yaml(value)}"]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, *arguments],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
            )

    @property
    def output(self) -> str:
        """Text that it has logged so far."""
        return self.log.read_text()

    def wait_for(self, text: str) -> None:
        """Wait until the log holds a text."""

        def found() -> bool:
            assert self.process.poll() is None or text in self.output, self.output
            return text in self.output

        wait_until(found, f"{text!r} in the log", deadline_s=180.0)

    def stop(self, how: int = signal.SIGINT) -> int:
        """Interrupt it as Ctrl-C does; returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(timeout=15 * PATIENCE)


class Robot:
    """Sensors, planner and viewer in one: publishes frames, collects outputs, calls services."""

    def __init__(self, domain: int) -> None:
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain)
        self.node = rclpy.create_node("robot", context=self._context)
        self.received: defaultdict[str, list[Any]] = defaultdict(list)
        self._publishers: dict[str, Any] = {}
        self._introduced: set[str] = set()
        self._clients: dict[str, Any] = {}
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()
        self.publisher(TFMessage, "/tf", QoSProfile(depth=100))
        self.publisher(TFMessage, "/tf_static", LATCHED)

    def _spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException):
            self._executor.spin()

    def close(self) -> None:
        rclpy.try_shutdown(context=self._context)
        self._thread.join()
        self._executor.shutdown()
        self.node.destroy_node()
        self._context.destroy()  # gives 64 MiB of shared memory back

    def publisher(self, kind: Any, topic: str, qos: QoSProfile = SENSOR) -> Any:
        if topic not in self._publishers:
            self._publishers[topic] = self.node.create_publisher(kind, topic, qos)
        return self._publishers[topic]

    def introduce(self, topic: str) -> Any:
        """Wait until somebody listens to a publisher and knows it; returns the publisher.

        A best-effort subscription loses what is sent before it knows the publisher, and the
        publisher cannot see that. But publishers are announced in the order they were made, so
        who acknowledges a message of a later one knows all before it.
        """
        publisher = self._publishers[topic]
        if topic in self._introduced:
            return publisher
        wait_until(publisher.get_subscription_count, f"a subscriber of {topic}")
        later = self.node.create_publisher(TFMessage, "/tf", QoSProfile(depth=1))
        wait_until(later.get_subscription_count, "a subscriber of /tf")
        later.publish(TFMessage())
        assert later.wait_for_all_acked(Duration(seconds=DEADLINE_S)), "nobody reads /tf"
        self.node.destroy_publisher(later)
        self._introduced.add(topic)
        return publisher

    def listen(self, kind: Any, topic: str, qos: QoSProfile = LATCHED) -> list[Any]:
        """Collect the messages of a topic; the list grows by itself."""
        if topic not in self.received:
            self.node.create_subscription(kind, topic, self.received[topic].append, qos)
        return self.received[topic]

    def call(self, kind: Any, name: str, request: Any) -> Any:
        """Call a service and wait for the answer."""
        future = self.ask(kind, name, request)
        wait_until(future.done, f"answer of {name}")
        return future.result()

    def ask(self, kind: Any, name: str, request: Any) -> Any:
        """Call a service; returns a future."""
        if name not in self._clients:
            self._clients[name] = self.node.create_client(kind, name, qos_profile=SERVICE)
        client = self._clients[name]
        wait_until(client.service_is_ready, f"service {name}")
        return client.call_async(request)

    def trigger(self, name: str) -> Any:
        return self.call(Trigger, name, Trigger.Request())

    def now_ns(self) -> int:
        return self.node.get_clock().now().nanoseconds

    def send_pose(
        self, pose: np.ndarray, child: str, stamp_ns: int, *, parent: str = "map"
    ) -> None:
        message = TFMessage(transforms=[transform_msg(pose, parent, child, stamp_ns)])
        self.introduce("/tf").publish(message)

    def send_static_pose(self, pose: np.ndarray, child: str, *, parent: str = "map") -> None:
        """Latch a pose that does not change; each call replaces those before it."""
        message = TFMessage(transforms=[transform_msg(pose, parent, child, 0)])
        self._publishers["/tf_static"].publish(message)

    def send_cloud(self, topic: str, frame: str, stamp_ns: int, cloud: Any) -> None:
        """Publish a cloud made by `cloud_of` once somebody listens."""
        self.publisher(PointCloud2, topic)
        cloud.header = header_msg(frame, stamp_ns)
        self.introduce(topic).publish(cloud)

    def send_view(
        self, pose: np.ndarray, *, topic: str = "points", frame: str = "camera", **scene: Any
    ) -> int:
        """One organised cloud of the toy room with its pose; returns its stamp."""
        return self.send_frame(pose, *toy_room.cast(pose, **scene), topic=topic, frame=frame)

    def send_frame(
        self,
        pose: np.ndarray,
        depth: np.ndarray,
        color: np.ndarray,
        *,
        topic: str = "points",
        frame: str = "camera",
    ) -> int:
        """One organised cloud with its pose; returns its stamp."""
        stamp = self.now_ns()
        self.send_pose(pose, frame, stamp)
        self.send_cloud(topic, frame, stamp, cloud_of(depth, color))
        return stamp

    def show(self, poses: list[np.ndarray], **options: Any) -> list[int]:
        """Send views of the toy room and wait until they are in the map; returns their stamps."""
        topic = options.get("topic", "points")
        before = self.integrated(topic)
        stamps = [self.send_view(pose, **options) for pose in poses]
        self.wait_integrated(topic, before + len(poses))
        return stamps

    def map_points(self) -> np.ndarray:
        """(N, 3) points of the node's map, which must not be empty."""
        clouds = self.listen(PointCloud2, "seg3d/map_cloud", STREAM)
        clouds.clear()

        def sent() -> bool:
            assert self.trigger("seg3d/segment_now").success
            return bool(clouds)

        wait_until(sent, "the map")
        return cloud_from_msg(clouds[-1]).points

    def send_images(self, camera: str, pose: np.ndarray, *, frame: str) -> int:
        """One colour + depth + camera_info triple of the toy room; returns its stamp."""
        stamp = self.now_ns()
        self.send_pose(pose, frame, stamp)
        color, depth, info = images_of(*toy_room.cast(pose))
        messages = {"camera_info": info, "color": color, "depth": depth}
        for name, message in messages.items():
            self.publisher(type(message), f"{camera}/{name}")
            message.header = header_msg(frame, stamp)
            self.introduce(f"{camera}/{name}").publish(message)
        return stamp

    def source_values(self, source: str) -> dict[str, str]:
        """Newest diagnostics of an input or of "segmentation", message and level included."""
        for message in reversed(self.received["/diagnostics"]):
            for status in message.status:
                if status.name.endswith(source):
                    values = {item.key: item.value for item in status.values}
                    return {**values, "message": status.message, "level": status.level[0]}
        return {}

    def settled(self, source: str, key: str) -> str:
        """A value of the diagnostics that were published after everything so far."""
        count = len(self.received["/diagnostics"])
        wait_until(lambda: len(self.received["/diagnostics"]) > count, "diagnostics")
        return self.source_values(source)[key]

    def listen_to_diagnostics(self) -> None:
        self.listen(DiagnosticArray, "/diagnostics", QoSProfile(depth=10))

    def wait_integrated(self, source: str, count: int) -> None:
        """Wait until the node says that so many frames of a source are in the map."""
        wait_until(
            lambda: self.integrated(source) >= count, f"{count} frames of {source} in the map"
        )

    def integrated(self, source: str) -> int:
        """Frames of a source in the map, as of the newest diagnostics."""
        return int(self.source_values(f"input {source}").get("integrated", 0))

    def set_parameters(self, **values: Any) -> list[Any]:
        from rcl_interfaces.srv import SetParameters

        request = SetParameters.Request(
            parameters=[
                Parameter(dotted(name), value=v).to_parameter_msg() for name, v in values.items()
            ]
        )
        return self.call(SetParameters, "seg3d/set_parameters", request).results


def cloud_of(depth: np.ndarray, color: np.ndarray) -> PointCloud2:
    """Organised x, y, z, rgb cloud of a depth image; the header is left empty."""
    points = deproject(depth, toy_room.CAMERA, depth_unit=1.0)
    return measured_cloud_msg(Header(), points, color.reshape(-1, 3), grid=depth.shape)


def images_of(depth: np.ndarray, color: np.ndarray) -> tuple[Image, Image, CameraInfo]:
    """Colour, depth and calibration; the headers are left empty."""
    header = Header()
    return (
        color_msg(header, color),
        depth_msg(header, depth, unit=1.0),
        camera_info_msg(header, toy_room.CAMERA),
    )


def transform_msg(pose: np.ndarray, parent: str, child: str, stamp_ns: int) -> TransformStamped:
    return sensor_messages.transform_msg(header_msg(parent, stamp_ns), child, pose)


def dotted(name: str) -> str:
    """Name of a parameter that a keyword stands for: two underscores stand for the dot."""
    return name.replace("__", ".")


def _yaml(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_yaml(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, str) else str(value)
