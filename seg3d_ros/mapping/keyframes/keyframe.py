"""Keyframes: pictures that the map keeps, packed, and what they show, unpacked."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from seg3d_ros.mapping.keyframes.depth_packing import Depth16, pack_depth, unpack_depth
from seg3d_ros.scene import Camera, Float32, Float64, Frame, UInt8, View
from seg3d_ros.sensing.estimate_intrinsics import as_image, camera_of
from seg3d_ros.sensing.frame_filter import PAD
from seg3d_ros.sensing.image_decoder import decode_compressed
from seg3d_ros.sensing.lens import ideal_view

Pixels = npt.NDArray[Any]
ViewKey = tuple[int, int, bytes]  # id, stamp and pose

DEPTH_UNIT = 0.001  # metres
COARSE = 4  # pixels each way to one of the coarse depth
_JPEG_QUALITY = 90


@dataclass(frozen=True, eq=False)
class Keyframe:
    """A picture of the map with its depth, packed; never changed.

    Attributes:
        id: 1 or more, ascending in time, not used again while the map lives.
        stamp_ns: time of the picture, nanoseconds of ROS time.
        source: name of the sensor.
        camera: intrinsics of colour and depth, without distortion.
        map_from_camera: (4, 4) float64 pose of the optical frame.
        color: JPEG file.
        depth: packed by `pack_depth`, in DEPTH_UNIT.
        coarse_depth: (h, w) uint16, every COARSE-th pixel of the depth, DEPTH_UNIT.
        sharpness: in [0, 1], see `sharpness`.
    """

    id: int
    stamp_ns: int
    source: str
    camera: Camera
    map_from_camera: Float64
    color: bytes
    depth: bytes
    coarse_depth: Depth16
    sharpness: float

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        return len(self.color) + len(self.depth) + self.coarse_depth.nbytes

    def view(self) -> View:
        """Unpack colour and depth: some milliseconds.

        Raises:
            InputError: the bytes, which may come from a file, are damaged.
        """
        depth = self.read_depth().astype(np.float32) * np.float32(DEPTH_UNIT)
        depth[depth == 0] = np.nan
        color = self.read_color()
        return View(self.id, self.stamp_ns, color, depth, self.camera, self.map_from_camera)

    def read_color(self) -> UInt8:
        """Picture (H, W, 3) RGB; see `view`."""
        return decode_compressed(self.color)

    def read_depth(self) -> Depth16:
        """Depth (H, W) in DEPTH_UNIT, 0 where nothing was measured; see `view`."""
        return unpack_depth(self.depth, (self.camera.height, self.camera.width))


class KeyframeViews(Sequence[View]):
    """Views of keyframes, each unpacked when it is taken."""

    def __init__(self, keyframes: Sequence[Keyframe]) -> None:
        self.keyframes = keyframes

    def __len__(self) -> int:
        return len(self.keyframes)

    @overload
    def __getitem__(self, place: int) -> View: ...
    @overload
    def __getitem__(self, place: slice) -> KeyframeViews: ...
    def __getitem__(self, place: int | slice) -> View | KeyframeViews:
        if isinstance(place, slice):
            return KeyframeViews(self.keyframes[place])
        return self.keyframes[place].view()


def view_keys(views: Sequence[View]) -> list[ViewKey]:
    """Keys of views, different for those of another map; keyframes are not unpacked."""
    if isinstance(views, KeyframeViews):
        return [(k.id, k.stamp_ns, k.map_from_camera.tobytes()) for k in views.keyframes]
    return [(v.keyframe_id, v.stamp_ns, v.map_from_camera.tobytes()) for v in views]


def view_of(frame: Frame) -> View | None:
    """An organised frame as a view; None where it is not the picture of a pinhole camera."""
    frame = as_image(frame)
    camera = camera_of(frame)
    if camera is None or frame.grid is None:
        return None
    color: Pixels = frame.colors.reshape(*frame.grid, 3)
    depth: Pixels = np.ascontiguousarray(frame.points[:, 2]).reshape(frame.grid)
    if camera.distortion is not None:
        ideal = ideal_view(camera)
        color = _resampled(color, ideal.pixels, 0)
        depth = _resampled(depth, ideal.pixels, np.nan)
        camera = ideal.camera
    pose = frame.map_from_sensor.astype(np.float64)
    return View(0, frame.stamp_ns, color, depth, camera, pose)


def pack_view(view: View, keyframe_id: int, *, source: str, sharpness: float) -> Keyframe:
    """Pack a view."""
    depth = _in_units(view.depth)
    return Keyframe(
        keyframe_id,
        view.stamp_ns,
        source,
        view.camera,
        view.map_from_camera,
        jpeg_of(view.color),
        pack_depth(depth),
        coarse_depth_of(depth),
        sharpness,
    )


def coarse_depth_of(depth: Depth16) -> Depth16:
    """Every COARSE-th pixel (h, w) of a depth image."""
    return depth[::COARSE, ::COARSE].copy()


def jpeg_of(color: UInt8) -> bytes:
    """JPEG file of a picture (H, W, 3) RGB."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(color)).save(file, "JPEG", quality=_JPEG_QUALITY)
    return file.getvalue()


def _in_units(depth: Float32) -> Depth16:
    """Depth in DEPTH_UNIT; 0 where nothing was measured, or too far to tell."""
    with np.errstate(invalid="ignore", over="ignore"):
        units = depth / np.float32(DEPTH_UNIT)
        units[~((units > 0) & (units < np.iinfo(np.uint16).max))] = 0
    return np.rint(units).astype(np.uint16)


def _resampled(image: Pixels, pixels: npt.NDArray[np.int32], nothing: float) -> Pixels:
    """A distorted picture (H, W, …) as its ideal view."""
    padding = [(PAD, PAD), (PAD, PAD)] + [(0, 0)] * (image.ndim - 2)
    padded = np.pad(image, padding, constant_values=nothing)
    return padded.reshape(-1, *image.shape[2:])[pixels[PAD:-PAD, PAD:-PAD]]
