"""Layout of ScanNet's .sens files, version 4: header, places of the frames, packed depth.

Little-endian: a header with the calibration, then frames one behind the other, each with a pose,
two stamps, and the compressed images. Layout: https://github.com/ScanNet/ScanNet, SensReader.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from seg3d_ros.errors import InputError
from seg3d_ros.scene import Float64

PNG, JPEG = 1, 2  # compressions of colour
RAW, ZLIB = 0, 1  # of depth
_VERSION = 4
_MAX_NAME = 1024
_CALIBRATION = struct.Struct("<64f")  # intrinsics, extrinsics of colour; the same of depth
_FORMAT = struct.Struct("<iiIIIIfQ")  # compressions, sizes, units of a metre, number of frames
_FRAME = struct.Struct("<16fQQQQ")  # world from camera, stamps in µs, sizes of colour and depth


@dataclass(frozen=True, eq=False)
class SensHeader:
    """Header of a file.

    Attributes:
        color_kind: compression of the colour images.
        depth_kind: compression of the depth images.
        intrinsic_color: (4, 4) of the colour images.
        intrinsic_depth: (4, 4) of the depth images.
        depth_shape: height and width of the depth images.
        units: of depth in a metre.
        frames: number of frames that the file claims to hold.
        start: of the first frame, bytes.
    """

    color_kind: int
    depth_kind: int
    intrinsic_color: Float64
    intrinsic_depth: Float64
    depth_shape: tuple[int, int]
    units: float
    frames: int
    start: int


@dataclass(frozen=True, eq=False)
class SensRecord:
    """Place of a frame in the file: its images begin at `start`, colour first.

    Attributes:
        number: in the file, from 0.
        stamp_us: of its depth image, microseconds; 0 where none was written.
        world_from_camera: (4, 4); not finite where the pose is unknown.
        start: of the images, bytes.
        color_size: bytes.
        depth_size: bytes.
    """

    number: int
    stamp_us: int
    world_from_camera: Float64
    start: int
    color_size: int
    depth_size: int

    def read(self, file: BinaryIO) -> tuple[bytes, bytes]:
        """Colour and depth, packed."""
        file.seek(self.start)
        return file.read(self.color_size), file.read(self.depth_size)


def read_header(file: BinaryIO) -> SensHeader:
    """Read the header of a file that stands at its begin.

    Raises:
        InputError: another version.
        struct.error: the file ends.
    """
    version, length = struct.unpack("<IQ", file.read(12))
    if version != _VERSION or length > _MAX_NAME:
        raise InputError(f"version {version} and a name of {length} bytes; known is version 4")
    file.seek(length, 1)
    matrices = np.array(_CALIBRATION.unpack(file.read(_CALIBRATION.size))).reshape(4, 4, 4)
    color, depth, _, _, width, height, units, frames = _FORMAT.unpack(file.read(_FORMAT.size))
    return SensHeader(
        color, depth, matrices[0], matrices[2], (height, width), units, frames, file.tell()
    )


def whole_records(file: BinaryIO, header: SensHeader) -> Iterator[SensRecord]:
    """Frames that lie in the file entirely; reads their heads only."""
    position = header.start
    size = file.seek(0, 2)
    for number in range(header.frames):
        if position + _FRAME.size > size:
            return
        file.seek(position)
        *pose, _, stamp_us, color_size, depth_size = _FRAME.unpack(file.read(_FRAME.size))
        start = position + _FRAME.size
        position = start + color_size + depth_size
        if position > size:
            return
        matrix = np.array(pose, np.float64).reshape(4, 4)
        yield SensRecord(number, stamp_us, matrix, start, color_size, depth_size)


def unpack_depth(data: bytes, header: SensHeader) -> npt.NDArray[np.uint16]:
    """(H, W) uint16 in the header's units; never more memory than the image takes.

    Raises:
        InputError: it has another size.
        zlib.error: it is damaged.
    """
    height, width = header.depth_shape
    needed = 2 * height * width
    if header.depth_kind == ZLIB:
        data = zlib.decompressobj().decompress(data, needed + 1)
    if len(data) != needed:
        raise InputError(f"its depth has {len(data)} bytes, {needed} are needed")
    return np.frombuffer(data, "<u2").reshape(height, width)
