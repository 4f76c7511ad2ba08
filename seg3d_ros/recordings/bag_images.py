"""Depth images of a camera in a bag, from its messages and calibrations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from seg3d_ros.recordings.bag_topics import CameraTopics
from seg3d_ros.scene import Float64
from seg3d_ros.sensing.calibration import is_rectified
from seg3d_ros.sensing.depth_image import DepthImage
from seg3d_ros.sensing.rgbd import RgbdMessages, RgbdReader
from seg3d_ros.sensing.transform_buffer import TransformError

Lookup = Callable[[str, str], Float64]  # target frame, source frame → target_from_source


class BagCamera:
    """Colour and depth topic of a bag.

    Args:
        topics: what is read.
        infos: first message of each of its camera_info topics.
    """

    def __init__(self, topics: CameraTopics, infos: Mapping[str, Any]) -> None:
        self._topics = topics
        self._infos = infos
        self._reader = RgbdReader()

    def decode(self, depth: Any, color: Any, lookup: Lookup) -> DepthImage:
        """Colour and depth of one moment, pixel on pixel.

        Args:
            depth: message of the depth topic.
            color: message of the colour topic.
            lookup: transforms at the time of the depth image.

        Raises:
            ImageError: an image or its calibration cannot be used.
        """
        topics = self._topics
        messages = RgbdMessages(
            color,
            depth,
            color_info=self._infos[topics.color_info],
            depth_info=self._infos[topics.info],
            color_rectified=is_rectified(topics.color),
            depth_rectified=is_rectified(topics.main),
        ).with_own_calibrations()
        return self._reader.read(messages, _color_from_depth(messages, lookup))


def _color_from_depth(messages: RgbdMessages, lookup: Lookup) -> Float64 | None:
    if messages.are_registered:
        return None
    try:
        return lookup(*messages.frames)
    except TransformError:
        return None
