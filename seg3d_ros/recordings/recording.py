"""Interface of recordings: measured frames with their poses, in the order of their stamps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from seg3d_ros.errors import InputError
from seg3d_ros.scene import Float64, Frame
from seg3d_ros.sensing.cloud_decoder import Cloud
from seg3d_ros.sensing.depth_image import DepthImage


class RecordingError(InputError):
    """The recording cannot be read; the message names the file and says what to do."""


@dataclass(frozen=True, eq=False)
class RecordedFrame:
    """One measurement as it was recorded.

    Attributes:
        stamp_ns: time of the measurement, nanoseconds.
        map_from_sensor: (4, 4) float64; the map is z up, images are measured in the axes of their
            camera.
        data: images of a camera, or a point cloud in the sensor's frame.
    """

    stamp_ns: int
    map_from_sensor: Float64
    data: DepthImage | Cloud


class Recording(Protocol):
    """A recorded sequence of frames.

    Attributes:
        name: short name for titles and files.
        rate_hz: frames a second it was recorded at.
    """

    name: str
    rate_hz: float

    def __len__(self) -> int:
        """Number of frames; a bag may hold a few without a partner or pose, which are left out."""

    def frames(self, start: int = 0) -> Iterator[RecordedFrame]:
        """Read frame after frame; only the current one is held in memory.

        Args:
            start: number of the first one; those before it are not decoded.

        Raises:
            RecordingError: a file is missing, damaged or of the wrong size.
        """


def to_frame(recorded: RecordedFrame) -> Frame:
    """Turn a recorded frame into points for the map."""
    data = recorded.data
    if isinstance(data, Cloud):
        return Frame(
            data.points, data.colors, recorded.stamp_ns, recorded.map_from_sensor, data.grid
        )
    return Frame(
        points=data.points(),
        colors=data.color.reshape(-1, 3),
        stamp_ns=recorded.stamp_ns,
        map_from_sensor=recorded.map_from_sensor,
        grid=(data.camera.height, data.camera.width),
        camera=data.camera,
    )


def rate_of(stamps_ns: npt.NDArray[np.int64]) -> float:
    """Frames a second of (N,) stamps: one over the median gap; 1 Hz for a single frame."""
    gaps = np.diff(np.sort(stamps_ns))
    gaps = gaps[gaps > 0]
    return 1e9 / float(np.median(gaps)) if len(gaps) else 1.0
