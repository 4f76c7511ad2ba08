"""ScanNet's RGB-D recordings (.sens, version 4): frames with poses.

Little-endian: version, sensor name, intrinsics and extrinsics of colour and depth (4x4 float32
each), kinds of compression, sizes of the images, depth units a metre, number of frames; then of
each frame world_from_camera (4x4 float32), two stamps, two sizes in bytes, JPEG, zlib of uint16.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from seg3d_ros.errors import InputError
from seg3d_ros.scene import Float64

_VERSION = 4
_MAX_NAME = 1024  # bytes
_JPEG, _ZLIB = 2, 1
_MILLIMETRES = 1000.0  # depth units a metre
_SIZES = struct.Struct("<iiIIIIfQ")
_FRAME = struct.Struct("<16fQQQQ")


@dataclass(frozen=True, eq=False)
class SensFrame:
    """One frame.

    Attributes:
        number: in the recording, from 0.
        color: the bytes of its JPEG.
        depth: (H, W) uint16, millimetres, 0 for none.
        world_from_camera: (4, 4).
    """

    number: int
    color: bytes
    depth: npt.NDArray[np.uint16]
    world_from_camera: Float64


@dataclass(frozen=True, eq=False)
class SensFile:
    """Header of a recording.

    Attributes:
        path: of the file.
        intrinsic_color: (4, 4) of the colour images.
        intrinsic_depth: (4, 4) of the depth images.
        depth_shape: height and width of the depth images.
        frames: number of frames.
        start: of the first frame, bytes.
    """

    path: Path
    intrinsic_color: Float64
    intrinsic_depth: Float64
    depth_shape: tuple[int, int]
    frames: int
    start: int

    @classmethod
    def open(cls, path: Path) -> SensFile:
        """Read the header.

        Raises:
            FileNotFoundError: the file is not there.
            InputError: it is no such recording, or cut off.
        """
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing; download it, or prepare without frames")
        with path.open("rb") as file:
            (version,) = struct.unpack("<I", _exactly(path, file, 4))
            (length,) = struct.unpack("<Q", _exactly(path, file, 8))
            if version != _VERSION or length > _MAX_NAME:
                raise InputError(f"{path} is no .sens recording of version {_VERSION}")
            _exactly(path, file, length)
            matrices = np.frombuffer(_exactly(path, file, 4 * 64), "<f4").reshape(4, 4, 4)
            color, depth, _, _, width, height, shift, frames = _SIZES.unpack(
                _exactly(path, file, _SIZES.size)
            )
            start = file.tell()
        if (color, depth, shift) != (_JPEG, _ZLIB, _MILLIMETRES):
            raise InputError(
                f"{path} holds images of kinds {color} and {depth} with {shift:g} depth units a "
                f"metre; only {_JPEG} (JPEG), {_ZLIB} (zlib) and {_MILLIMETRES:g} are read"
            )
        intrinsic_color, _, intrinsic_depth, _ = matrices.astype(np.float64)
        return cls(path, intrinsic_color, intrinsic_depth, (height, width), frames, start)

    def read(self, every: int) -> Iterator[SensFrame]:
        """Yield every n-th frame whose pose is known.

        Args:
            every: 1 for all frames.

        Raises:
            InputError: a frame is damaged.
        """
        with self.path.open("rb") as file:
            file.seek(self.start)
            for number in range(self.frames):
                head = _FRAME.unpack(_exactly(self.path, file, _FRAME.size))
                pose, (color, depth) = np.array(head[:16]).reshape(4, 4), head[18:]
                if number % every or not np.isfinite(pose).all():
                    file.seek(color + depth, os.SEEK_CUR)
                    continue
                jpeg = _exactly(self.path, file, color)
                packed = _exactly(self.path, file, depth)
                yield SensFrame(number, jpeg, self._depth(number, packed), pose)

    def _depth(self, number: int, packed: bytes) -> npt.NDArray[np.uint16]:
        height, width = self.depth_shape
        size = 2 * height * width
        try:
            unpacked = zlib.decompressobj().decompress(packed, size + 1)
        except zlib.error as error:
            raise InputError(f"{self.path}: the depth of frame {number}: {error}") from error
        if len(unpacked) != size:
            raise InputError(
                f"{self.path}: the depth of frame {number} has not {width} x {height} pixels"
            )
        return np.frombuffer(unpacked, "<u2").reshape(height, width)


def _exactly(path: Path, file: BinaryIO, size: int) -> bytes:
    left = os.fstat(file.fileno()).st_size - file.tell()
    if size > left:
        raise InputError(f"{path} is cut off or damaged; download it again")
    return file.read(size)
