"""Cameras with faults: messages sent ten times a second over real DDS."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from seg3d_ros.node.conversions import header_msg
from support import toy_room
from support.harness import Robot, images_of, transform_msg

RATE_HZ = 10.0
POSE = toy_room.views(6)[0]  # map_from_camera


@contextlib.contextmanager
def publishing(send: Callable[[int], None], robot: Robot) -> Iterator[None]:
    """Call `send` with a new stamp, nanoseconds, at RATE_HZ in a thread of its own."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(1 / RATE_HZ):
            send(robot.now_ns())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def camera_messages() -> dict[str, Any]:
    """Colour, depth and calibration of a good camera, by the end of their topics."""
    color, depth, info = images_of(*toy_room.cast(POSE))
    return {"color/image_raw": color, "depth/image_raw": depth, "color/camera_info": info}


def stamped(message: Any, frame: str, stamp_ns: int) -> Any:
    """The message with another header."""
    message.header = header_msg(frame, stamp_ns)
    return message


def pose_message(parent: str, child: str, stamp_ns: int, pose: Any = POSE) -> Any:
    """tf2_msgs/TFMessage with one transform."""
    from tf2_msgs.msg import TFMessage

    return TFMessage(transforms=[transform_msg(pose, parent, child, stamp_ns)])
