"""Recordings of ScanNet in one file (.sens), version 4, read frame by frame.

Little-endian: a header with the calibration, then frames one behind the other, each with a pose,
two stamps, and the compressed images. Layout: https://github.com/ScanNet/ScanNet, SensReader.
"""

from __future__ import annotations

import logging
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from seg3d_ros.recordings.recording import RecordedFrame, RecordingError, rate_of
from seg3d_ros.recordings.trajectory import is_rigid
from seg3d_ros.recordings.up_axis import Up, find_up, map_from_world_for
from seg3d_ros.scene import Camera, Float64
from seg3d_ros.sensing.depth_image import DepthImage
from seg3d_ros.sensing.image_decoder import MAX_SIDE, decode_compressed
from seg3d_ros.sensing.rgbd import resized_color

logger = logging.getLogger(__name__)
SUFFIX = ".sens"
UNSTAMPED_RATE_HZ = 30.0
_VERSION = 4
_MAX_NAME = 4096
_MAX_FRAMES = 200_000  # two hours at 30 Hz; ScanNet has 10,000 at most
_CALIBRATION = struct.Struct("<64f")  # intrinsics, extrinsics of colour; the same of depth
_FORMAT = struct.Struct("<iiIIIIfQ")  # compressions, sizes, units of a metre, number of frames
_FRAME = struct.Struct("<16fQQQQ")  # world from camera, stamps in µs, sizes of colour and depth
_PNG, _JPEG = 1, 2
_RAW, _ZLIB = 0, 1


@dataclass(frozen=True)
class _Header:
    camera: Camera
    depth_unit: float
    is_packed: bool
    frames: int


@dataclass(frozen=True, eq=False)
class _Frame:
    """Place of a frame in the file: its images begin at `start`."""

    stamp_ns: int
    world_from_camera: Float64
    start: int
    color_size: int
    depth_size: int


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
                self._header = _read_header(file)
                found = list(_index(file, self._header.frames))
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
        self.rate_hz = rate_of(np.array([frame.stamp_ns for frame in self._frames], np.int64))
        self._map_from_world = map_from_world_for(self._find_up() if up == "auto" else up)

    def __len__(self) -> int:
        return len(self._frames)

    def frames(self) -> Iterator[RecordedFrame]:
        """Read frame after frame (see `Recording.frames`)."""
        with self._path.open("rb") as file:
            for frame in self._frames:
                pose = self._map_from_world @ frame.world_from_camera
                yield RecordedFrame(frame.stamp_ns, pose, self._read(file, frame))

    def _read(self, file: BinaryIO, frame: _Frame) -> DepthImage:
        file.seek(frame.start)
        packed_color, packed_depth = file.read(frame.color_size), file.read(frame.depth_size)
        camera = self._header.camera
        try:
            depth = _decode_depth(packed_depth, camera, is_packed=self._header.is_packed)
            color = resized_color(decode_compressed(packed_color), depth.shape)
            return DepthImage(color, depth, self._header.depth_unit, camera)
        except (ValueError, zlib.error) as error:
            raise RecordingError(
                f"{self._path}: the frame at {frame.stamp_ns} ns is damaged: {error}"
            ) from error

    def _find_up(self) -> Float64:
        """Direction (3,) that points up in the file's world, from a few frames spread evenly."""
        chosen = np.unique(np.linspace(0, len(self._frames) - 1, 8).astype(int))
        with self._path.open("rb") as file:
            frames = [self._frames[i] for i in chosen]
            return find_up(
                [(self._read(file, frame), frame.world_from_camera) for frame in frames]
            )


def _read_header(file: BinaryIO) -> _Header:
    """Read the header; the file stands at the first frame afterwards.

    Raises:
        ValueError: another version, a compression that is not understood, absurd values.
        struct.error: the file ends.
    """
    version, length = struct.unpack("<IQ", file.read(12))
    if version != _VERSION or length > _MAX_NAME:
        raise ValueError(f"version {version} and a name of {length} bytes; known is version 4")
    file.seek(length, 1)
    calibration = np.array(_CALIBRATION.unpack(file.read(_CALIBRATION.size))).reshape(4, 4, 4)
    color, depth, _, _, width, height, units, frames = _FORMAT.unpack(file.read(_FORMAT.size))
    if color not in (_PNG, _JPEG) or depth not in (_RAW, _ZLIB):
        raise ValueError(
            f"colour compression {color} and depth compression {depth} are not understood; known "
            "are png and jpeg (1, 2), raw and zlib (0, 1)"
        )
    k = calibration[2]
    values = np.array([k[0, 0], k[1, 1], units])
    if not (np.isfinite(k).all() and np.isfinite(units) and (values > 0).all()):
        raise ValueError(f"its calibration is useless: {k.tolist()}, {units:g} units a metre")
    if frames > _MAX_FRAMES:
        raise ValueError(f"it claims {frames} frames, at most {_MAX_FRAMES} are read")
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise ValueError(f"its depth images are {width} x {height}")
    camera = Camera(width, height, k[0, 0], k[1, 1], k[0, 2], k[1, 2])
    return _Header(camera, 1.0 / units, depth == _ZLIB, frames)


def _index(file: BinaryIO, count: int) -> Iterator[_Frame]:
    """Places of the frames that lie in the file entirely; reads their headers only."""
    position = file.tell()
    size = file.seek(0, 2)
    for number in range(count):
        if position + _FRAME.size > size:
            return
        file.seek(position)
        *pose, _, stamp_us, color_size, depth_size = _FRAME.unpack(file.read(_FRAME.size))
        start = position + _FRAME.size
        position = start + color_size + depth_size
        if position > size:
            return
        stamp_ns = stamp_us * 1000 if stamp_us else round(number * 1e9 / UNSTAMPED_RATE_HZ)
        matrix = np.array(pose, np.float64).reshape(4, 4)
        yield _Frame(min(stamp_ns, 2**63 - 1), matrix, start, color_size, depth_size)


def _decode_depth(data: bytes, camera: Camera, *, is_packed: bool) -> npt.NDArray[np.uint16]:
    """(H, W) uint16; never more memory than the image takes."""
    needed = 2 * camera.width * camera.height
    if is_packed:
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(data, needed + 1)
    if len(data) != needed:
        raise ValueError(f"its depth has {len(data)} bytes, {needed} are needed")
    return np.frombuffer(data, "<u2").reshape(camera.height, camera.width)
