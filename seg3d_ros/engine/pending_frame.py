"""Frames that wait for their pose, still undecoded."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from seg3d_ros.scene import Camera, Float32, Float64, UInt8


@dataclass(frozen=True, eq=False)
class Measurement:
    """Decoded points of one frame; see `scene.Frame` for the fields.

    Attributes:
        frame_from_sensor: (4, 4) from the axes of the points to those of the frame_id; None where
            they are the same.
    """

    points: Float32
    colors: UInt8
    grid: tuple[int, int] | None
    camera: Camera | None = None
    frame_from_sensor: Float64 | None = None


@dataclass(frozen=True, eq=False)
class PendingFrame:
    """Undecoded measurement.

    Attributes:
        source: topic or camera it came from.
        frame_id: coordinate frame of its points.
        stamp_ns: its own stamp, nanoseconds.
        read: decodes it; raises ValueError with the reason when it is malformed. Takes the
            transform color_from_depth, None where colour and depth are of one frame.
        size: bytes that it holds.
        color_frame_id: coordinate frame of the colour image if it is another one; else empty.
        received_s: monotonic clock when it came in.
    """

    source: str
    frame_id: str
    stamp_ns: int
    read: Callable[[Float64 | None], Measurement]
    size: int = 0
    color_frame_id: str = ""
    received_s: float = field(default_factory=time.monotonic)
