"""Messages of an RGB-D camera → one depth image with a colour a pixel.

Messages are any objects with the fields of sensor_msgs, so that bags are read without ROS.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seg3d_ros.scene import Float64, UInt8
from seg3d_ros.sensing.calibration import Calibration, calibration_of, same_aspect
from seg3d_ros.sensing.compressed_depth import decode_compressed_depth
from seg3d_ros.sensing.depth_image import DepthImage
from seg3d_ros.sensing.image_decoder import (
    ImageError,
    decode_color,
    decode_compressed,
    decode_depth,
)
from seg3d_ros.sensing.registration import register_color
from seg3d_ros.sensing.transforms import invert

log = logging.getLogger(__name__)
_BILINEAR = 2  # of Pillow, which has moved the name; it averages where images become smaller
_SAME_PLACE = 1e-3  # metres, and radians: frames nearer than this are one


@dataclass(frozen=True, eq=False)
class RgbdMessages:
    """One moment of an RGB-D camera.

    Attributes:
        color: sensor_msgs/Image or CompressedImage.
        depth: sensor_msgs/Image or CompressedImage.
        color_info: sensor_msgs/CameraInfo of the colour image, None where it is not known.
        depth_info: the same of the depth image; None where the one of colour is for both.
        color_rectified: the colour image is rectified already.
        depth_rectified: the depth image is rectified already.
    """

    color: Any
    depth: Any
    color_info: Any
    depth_info: Any
    color_rectified: bool = False
    depth_rectified: bool = False

    def with_own_calibrations(self) -> RgbdMessages:
        """Copy with each calibration at the image whose frame_id it bears.

        A calibration that stands at both images, or at the wrong one, leaves the other None.
        Registered depth has the calibration of colour, whatever that of unregistered depth is.
        """
        first, second = self.color_info, self.depth_info
        if first is None or second is None:
            return self
        color, depth = self.frames
        if self.are_registered:
            is_own = _frame_of(second) == depth or _frame_of(first) != color
            return self if is_own else replace(self, depth_info=None)
        if _frame_of(first) == depth or _frame_of(second) == color:
            infos = {_frame_of(first): first, _frame_of(second): second}
            return replace(self, color_info=infos.get(color), depth_info=infos.get(depth))
        return replace(self, depth_info=None) if first is second else self

    @property
    def frames(self) -> tuple[str, str]:
        """Coordinate frames of colour and depth."""
        return _frame_of(self.color), _frame_of(self.depth)

    @property
    def are_registered(self) -> bool:
        """True when colour and depth are of one frame, and so pixel on pixel."""
        color, depth = self.frames
        return color == depth or not (color and depth)


def _frame_of(message: Any) -> str:
    return str(message.header.frame_id).removeprefix("/")


def unregistered_text(color_frame: str, depth_frame: str) -> str:
    """Sentence about colour and depth of two frames, and what to do."""
    return (
        f"colour is in frame {color_frame!r} and depth in {depth_frame!r}, so the pixels of one "
        "are not those of the other: let the driver register depth to colour (align_depth, "
        "depth_registration), or provide the camera_info of both and the transform between them"
    )


class RgbdReader:
    """Decoder of one camera's messages; warns once of frames that differ."""

    def __init__(self) -> None:
        self._has_warned = False

    def read(self, messages: RgbdMessages, color_from_depth: Float64 | None) -> DepthImage:
        """Decode the images; colour of another frame or size is brought onto the depth.

        Args:
            messages: what the camera sent.
            color_from_depth: (4, 4) transform between the two coordinate frames where they differ.

        Raises:
            ImageError: an image or a calibration cannot be used, or depth is not registered and
                a piece for registering it is missing.
        """
        color, (depth, unit) = _read_color(messages.color), _read_depth(messages.depth)
        info = messages.depth_info or messages.color_info
        own = calibration_of(info, depth.shape, rectified=messages.depth_rectified)
        if messages.are_registered or not self._can_register(messages, color_from_depth):
            resized = resized_color(color, depth.shape)
            return DepthImage(resized, depth, unit, own.camera, own.frame_from_camera)
        other = calibration_of(
            messages.color_info, color.shape[:2], rectified=messages.color_rectified
        )
        blank = np.broadcast_to(np.uint8(0), (*depth.shape, 3))
        image = DepthImage(blank, depth, unit, own.camera, own.frame_from_camera)
        between = _between_cameras(other, np.asarray(color_from_depth), own)
        return register_color(image, color, other.camera, between)

    def _can_register(self, messages: RgbdMessages, color_from_depth: Float64 | None) -> bool:
        """False when the frames lie in one place, so that one calibration may serve both images.

        Raises:
            ImageError: they do not, and a calibration or the transform is missing.
        """
        text = unregistered_text(*messages.frames)
        if color_from_depth is None:
            raise ImageError(text)
        if messages.color_info is not None and messages.depth_info is not None:
            return True
        if np.abs(color_from_depth - np.eye(4)).max() > _SAME_PLACE:
            raise ImageError(text)
        if not self._has_warned:
            self._has_warned = True
            log.warning("%s. The frames lie in one place; taking them for registered", text)
        return False


def _between_cameras(color: Calibration, color_from_depth: Float64, depth: Calibration) -> Float64:
    """Transform between the cameras' own axes from that between their frames."""
    between = color_from_depth
    if depth.frame_from_camera is not None:
        between = between @ depth.frame_from_camera
    if color.frame_from_camera is not None:
        between = invert(color.frame_from_camera) @ between
    return between


def _read_color(message: Any) -> UInt8:
    if not hasattr(message, "encoding"):
        return decode_compressed(message.data)
    return decode_color(
        message.encoding,
        message.height,
        message.width,
        message.step,
        message.data,
        is_bigendian=bool(message.is_bigendian),
    )


def _read_depth(message: Any) -> tuple[Any, float]:
    if not hasattr(message, "encoding"):
        return decode_compressed_depth(message.format, message.data)
    return decode_depth(
        message.encoding,
        message.height,
        message.width,
        message.step,
        message.data,
        is_bigendian=bool(message.is_bigendian),
    )


def resized_color(color: UInt8, size: tuple[int, int]) -> UInt8:
    """The colour image at the resolution (height, width) of depth.

    Raises:
        ImageError: it shows another part of the world.
    """
    if color.shape[:2] == size:
        return color
    height, width = size
    if not same_aspect(color.shape[:2], size):
        raise ImageError(
            f"colour is {color.shape[1]} x {color.shape[0]} and depth {width} x {height}: they "
            "differ in size and shape; use depth that is registered to colour"
        )
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(color))
    return np.asarray(picture.resize((width, height), _BILINEAR))
