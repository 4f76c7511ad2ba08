"""Player: streams a recording as a robot's camera would, with its transforms.

    ros2 run seg3d_ros player data/demo_room
    ros2 run seg3d_ros player bag.mcap --as clouds --rate 0.5

Images go to camera/color, camera/depth and camera/camera_info, clouds to `points`. The camera's
pose is on /tf as map → camera_link, and camera_link → camera_optical_frame on /tf_static, so a
listener has to walk a tree as on a real robot. /diagnostics tells how far the player is.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import remove_ros_args
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from tf2_msgs.msg import TFMessage

from seg3d_ros.demo.pacing import Pacer, Playback
from seg3d_ros.node.conversions import NANOSECONDS, header_msg
from seg3d_ros.node.qos import LATCHED, SENSOR
from seg3d_ros.node.sensor_messages import (
    camera_info_msg,
    color_msg,
    depth_msg,
    measured_cloud_msg,
    transform_msg,
)
from seg3d_ros.recordings.bag_options import bag_options
from seg3d_ros.recordings.open import open_recording
from seg3d_ros.recordings.recording import (
    RecordedFrame,
    Recording,
    RecordingError,
    to_frame,
)
from seg3d_ros.sensing.depth_image import DepthImage
from seg3d_ros.sensing.transforms import invert
from seg3d_ros.signals import INTERRUPTED, ignore_signals, interrupt_on_signals

CAMERA = "camera"  # the images' topics are CAMERA/color, CAMERA/depth, CAMERA/camera_info
CLOUD_TOPIC = "points"
MAP, LINK, OPTICAL = "map", "camera_link", "camera_optical_frame"
DISCOVERY_S = 30.0  # how long to wait for somebody who listens
LINGER_S = 4.0  # lost announcements are repeated every 3 s, so everybody has heard of us by then
REPORT_PERIOD_S = 0.2
# REP-103: camera_link is x forward, y left, z up; the optical frame z forward, x right, y down.
LINK_FROM_OPTICAL = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]])


@dataclass(frozen=True, eq=False)
class _Ready:
    """A frame whose messages lack only their stamp."""

    stamp_ns: int
    map_from_sensor: Any
    messages: list[tuple[Any, Any]]  # publisher, message


class Player:
    """Publishes one recording; everything runs in the thread that calls `play`."""

    def __init__(self, node: Node, recording: Recording, playback: Playback) -> None:
        self.sent = 0
        self._late_s = 0.0  # the most that a frame was late
        self._start = self._last_sent = self._reported = time.monotonic()
        self._node = node
        self._log = node.get_logger()
        self._recording = recording
        self._playback = playback
        self._is_optical = holds_images(recording)
        self._as_images = self._is_optical and not playback.clouds
        kinds = (
            {
                f"{CAMERA}/color": Image,
                f"{CAMERA}/depth": Image,
                f"{CAMERA}/camera_info": CameraInfo,
            }
            if self._as_images
            else {CLOUD_TOPIC: PointCloud2}
        )
        self._sensors = [node.create_publisher(kind, name, SENSOR) for name, kind in kinds.items()]
        self._diagnostics = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._static = node.create_publisher(TFMessage, "/tf_static", LATCHED)
        # The last one to be announced: see _wait_for_listeners.
        self._transforms = node.create_publisher(TFMessage, "/tf", QoSProfile(depth=100))

    def play(self) -> None:
        """Send all frames, each when it is due.

        Raises:
            RecordingError: a frame cannot be read.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="reader") as reader:
            frames = self._frames()
            first = next(frames)
            self._wait_for_listeners(first)
            pacer = Pacer(self._playback, rate_hz=self._recording.rate_hz)
            self._start, start_ns = time.monotonic(), self._now_ns()
            frame: _Ready | None = first
            while frame is not None:
                ahead = reader.submit(next, frames, None)
                due = pacer.due(frame.stamp_ns)
                self._sleep_until(self._start + due)
                self._send(frame, start_ns + round(due * NANOSECONDS))
                frame = ahead.result()
        self._linger()

    def _linger(self) -> None:
        """Repeat that playing has ended: what is published last would be lost with its topic."""
        end = time.monotonic() + LINGER_S
        while time.monotonic() < end:
            self._report("finished")
            time.sleep(REPORT_PERIOD_S)

    def _wait_for_listeners(self, first: _Ready) -> None:
        """Wait until somebody listens to every topic and knows the publishers.

        A best-effort subscription loses what is sent before it knows the publisher, and a
        publisher can't see whether it does. But publishers are announced in the order they were
        made, reliably: who acknowledges a message on the last one knows all before it.
        """
        if self._is_optical:
            static = transform_msg(header_msg(LINK, self._now_ns()), OPTICAL, LINK_FROM_OPTICAL)
            self._static.publish(TFMessage(transforms=[static]))
        end = time.monotonic() + DISCOVERY_S
        wanted = [*self._sensors, self._transforms]
        while missing := [p.topic_name for p in wanted if not p.get_subscription_count()]:
            if time.monotonic() > end:
                self._log.warning(f"nobody listens to {', '.join(missing)}; playing all the same")
                return
            time.sleep(0.02)
        self._send_pose(first.map_from_sensor, self._now_ns())
        if not self._transforms.wait_for_all_acked(Duration(seconds=DISCOVERY_S)):
            self._log.warning("a listener of /tf does not answer; first frames may be lost")

    def _sleep_until(self, due: float) -> None:
        ahead = due - time.monotonic()
        self._late_s = max(self._late_s, -ahead)
        time.sleep(max(0.0, ahead))

    def _frames(self) -> Iterator[_Ready]:
        while True:
            for recorded in self._recording.frames():
                messages = list(zip(self._sensors, self._messages(recorded), strict=True))
                yield _Ready(recorded.stamp_ns, recorded.map_from_sensor, messages)
            if not self._playback.loop:
                return

    def _messages(self, recorded: RecordedFrame) -> list[Any]:
        """In the order of the publishers; the stamp is filled in when they are sent."""
        header = header_msg(OPTICAL if self._is_optical else LINK, 0)
        data = recorded.data
        if self._as_images and isinstance(data, DepthImage):
            return [
                color_msg(header, data.color),
                depth_msg(header, data.depth, unit=data.depth_unit),
                camera_info_msg(header, data.camera),
            ]
        frame = to_frame(recorded)
        return [measured_cloud_msg(header, frame.points, frame.colors, grid=frame.grid)]

    def _send(self, frame: _Ready, stamp_ns: int) -> None:
        self._send_pose(frame.map_from_sensor, stamp_ns)
        for publisher, message in frame.messages:
            message.header = header_msg(message.header.frame_id, stamp_ns)
            publisher.publish(message)
        self.sent += 1
        self._last_sent = time.monotonic()
        if time.monotonic() - self._reported > REPORT_PERIOD_S:
            self._report("playing")

    def _send_pose(self, map_from_sensor: Any, stamp_ns: int) -> None:
        map_from_link = map_from_sensor
        if self._is_optical:
            map_from_link = map_from_sensor @ invert(LINK_FROM_OPTICAL)
        transform = transform_msg(header_msg(MAP, stamp_ns), LINK, map_from_link)
        self._transforms.publish(TFMessage(transforms=[transform]))

    def _report(self, state: str) -> None:
        """Say on /diagnostics how far playing is."""
        self._reported = time.monotonic()
        values = {
            "recording": self._recording.name,
            "frames": len(self._recording),
            "sent": self.sent,
            "rate_hz": f"{self.rate_hz:.2f}",
            "late ms max": f"{self._late_s * 1e3:.1f}",
        }
        status = DiagnosticStatus(level=DiagnosticStatus.OK, message=state, hardware_id="player")
        status.name = f"{self._node.get_fully_qualified_name()}: playback"
        status.values = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
        msg = DiagnosticArray(status=[status])
        msg.header.stamp = self._node.get_clock().now().to_msg()
        self._diagnostics.publish(msg)

    @property
    def rate_hz(self) -> float:
        """Frames a second from the first to the newest, 0 before the second."""
        seconds = self._last_sent - self._start
        return (self.sent - 1) / seconds if self.sent > 1 and seconds > 0 else 0.0

    def _now_ns(self) -> int:
        return int(self._node.get_clock().now().nanoseconds)


def holds_images(recording: Recording) -> bool:
    """True for a recording of depth images, False for one of clouds.

    Raises:
        RecordingError: it has no frame, or the first one cannot be read.
    """
    first = next(recording.frames(), None)
    if first is None:
        raise RecordingError(f"{recording.name} holds no frame")
    return isinstance(first.data, DepthImage)


@click.command()
@click.argument("recording", type=click.Path(path_type=Path))
@click.option(
    "--as", "kind", type=click.Choice(["images", "clouds"]), default="images", show_default=True,
    help="Topics that depth images are sent on; clouds of a bag are always sent as clouds.",
)  # fmt: skip
@click.option("--rate", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True)
@click.option(
    "--max-gap", type=float, default=Playback.max_gap_s, show_default=True,
    help="Longer pauses of the recording are cut to this, seconds.",
)  # fmt: skip
@bag_options
@click.option("--loop", is_flag=True, help="Start again at the end, until interrupted.")
def _command(
    recording: Path,
    kind: str,
    rate: float,
    max_gap: float,
    topic: str,
    fixed_frame: str,
    loop: bool,
) -> None:
    """Stream RECORDING as a robot's camera would: sensor topics, /tf and /tf_static."""
    playback = Playback(clouds=kind == "clouds", rate=rate, max_gap_s=max_gap, loop=loop)
    node = rclpy.create_node("player")
    source = open_recording(recording, topic=topic, fixed_frame=fixed_frame)
    player = Player(node, source, playback)
    player.play()
    node.get_logger().info(f"{player.sent} frames sent")


def run_player(args: list[str]) -> int:
    """Run the player with the words of the command line; returns the exit code of the process."""
    interrupt_on_signals()
    # This process has no executor to stop, so signals are Python's own.
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    try:
        _command.main(remove_ros_args(args)[1:], prog_name="player", standalone_mode=False)
    except (KeyboardInterrupt, click.Abort):
        ignore_signals()  # `ros2 run` hands a Ctrl-C on that has reached this process already
        return INTERRUPTED
    except (click.ClickException, RecordingError) as error:
        click.echo(f"player: {error}", err=True)
        return 2
    finally:
        ignore_signals()
        rclpy.try_shutdown()
    return 0
