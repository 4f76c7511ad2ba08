"""Recordings of ScanNet in one file (.sens), read frame by frame; layout: `sens_layout`."""

from __future__ import annotations

import logging
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from seg3d_ros.errors import InputError
from seg3d_ros.recordings.recording import RecordedFrame, RecordingError, rate_of
from seg3d_ros.recordings.sens_layout import (
    JPEG,
    PNG,
    RAW,
    ZLIB,
    SensHeader,
    SensRecord,
    read_header,
    unpack_depth,
    whole_records,
)
from seg3d_ros.recordings.trajectory import is_rigid
from seg3d_ros.recordings.up_axis import Up, find_up, map_from_world_for
from seg3d_ros.scene import Camera, Float64
from seg3d_ros.sensing.depth_image import DepthImage
from seg3d_ros.sensing.image_decoder import MAX_SIDE, decode_compressed
from seg3d_ros.sensing.rgbd import resized_color

logger = logging.getLogger(__name__)
SUFFIX = ".sens"
UNSTAMPED_RATE_HZ = 30.0
_MAX_FRAMES = 200_000  # two hours at 30 Hz; ScanNet has 10,000 at most


class SensFile:
    """A .sens file; colour is brought to the size of depth, frames without a pose are left out.

    Args:
        path: the file.
        up: axis of the file's world that points up; "auto" looks at the images.

    Raises:
        RecordingError: the file is of another kind or version, or no frame can be used.
    """

    def __init__(self, path: Path, *, up: Up = "auto") -> None:
        self.name = path.resolve().stem
        self._path = path
        with path.open("rb") as file:
            try:
                self._header = read_header(file)
                self._camera = _checked_camera(self._header)
                found = list(whole_records(file, self._header))
            except (ValueError, struct.error) as error:
                why = "it ends in its header" if isinstance(error, struct.error) else error
                raise RecordingError(f"{path} cannot be read as a .sens file: {why}") from error
        if len(found) < self._header.frames:
            logger.warning(
                "%s is cut off: its first %d of %d frames are whole and are read",
                path, len(found), self._header.frames,
            )  # fmt: skip
        self._frames = [frame for frame in found if is_rigid(frame.world_from_camera)]
        if not self._frames:
            raise RecordingError(f"{path}: none of {len(found)} frames has a usable pose")
        if lost := len(found) - len(self._frames):
            logger.warning(
                "%s: %d of %d frames have no usable pose and are left out",
                self.name, lost, len(found),
            )  # fmt: skip
        self.rate_hz = rate_of(np.array([_stamp_ns(frame) for frame in self._frames], np.int64))
        self._map_from_world = map_from_world_for(self._find_up() if up == "auto" else up)

    def __len__(self) -> int:
        return len(self._frames)

    def frames(self, start: int = 0) -> Iterator[RecordedFrame]:
        """Read frame after frame (see `Recording.frames`)."""
        with self._path.open("rb") as file:
            for frame in self._frames[start:]:
                pose = self._map_from_world @ frame.world_from_camera
                yield RecordedFrame(_stamp_ns(frame), pose, self._read(file, frame))

    def _read(self, file: BinaryIO, frame: SensRecord) -> DepthImage:
        packed_color, packed_depth = frame.read(file)
        try:
            depth = unpack_depth(packed_depth, self._header)
            color = resized_color(decode_compressed(packed_color), depth.shape)
            return DepthImage(color, depth, 1.0 / self._header.units, self._camera)
        except (ValueError, zlib.error) as error:
            raise RecordingError(
                f"{self._path}: the frame at {_stamp_ns(frame)} ns is damaged: {error}"
            ) from error

    def _find_up(self) -> Float64:
        """Direction (3,) that points up in the file's world, from a few frames spread evenly."""
        chosen = np.unique(np.linspace(0, len(self._frames) - 1, 8).astype(int))
        with self._path.open("rb") as file:
            frames = [self._frames[i] for i in chosen]
            return find_up(
                [(self._read(file, frame), frame.world_from_camera) for frame in frames]
            )


def _checked_camera(header: SensHeader) -> Camera:
    """Intrinsics of depth.

    Raises:
        InputError: a compression that is not understood, absurd values.
    """
    color, depth = header.color_kind, header.depth_kind
    if color not in (PNG, JPEG) or depth not in (RAW, ZLIB):
        raise InputError(
            f"colour compression {color} and depth compression {depth} are not understood; known "
            "are png and jpeg (1, 2), raw and zlib (0, 1)"
        )
    k, units = header.intrinsic_depth, header.units
    values = np.array([k[0, 0], k[1, 1], units])
    if not (np.isfinite(k).all() and np.isfinite(units) and (values > 0).all()):
        raise InputError(f"its calibration is useless: {k.tolist()}, {units:g} units a metre")
    if header.frames > _MAX_FRAMES:
        raise InputError(f"it claims {header.frames} frames, at most {_MAX_FRAMES} are read")
    height, width = header.depth_shape
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise InputError(f"its depth images are {width} x {height}")
    return Camera(width, height, k[0, 0], k[1, 1], k[0, 2], k[1, 2])


def _stamp_ns(frame: SensRecord) -> int:
    """Stamp of a frame; by its number where the file has none."""
    if not frame.stamp_us:
        return round(frame.number * 1e9 / UNSTAMPED_RATE_HZ)
    return min(frame.stamp_us * 1000, 2**63 - 1)
