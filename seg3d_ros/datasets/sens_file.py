"""Frames of ScanNet's RGB-D recordings (.sens) as they are written beside prepared points."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seg3d_ros.errors import InputError
from seg3d_ros.recordings.sens_layout import (
    JPEG,
    ZLIB,
    SensHeader,
    read_header,
    unpack_depth,
    whole_records,
)
from seg3d_ros.scene import Float64

_MILLIMETRES = 1000.0  # depth units a metre


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
    """Recording of which every bit goes into a prepared scene: JPEG, and depth in millimetres.

    Attributes:
        path: of the file.
        header: of it.
    """

    path: Path
    header: SensHeader

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
            try:
                header = read_header(file)
            except struct.error as error:
                raise _cut_off(path) from error
            except ValueError as error:
                raise InputError(f"{path} cannot be read as a .sens file: {error}") from error
        kinds = header.color_kind, header.depth_kind
        if (*kinds, header.units) != (JPEG, ZLIB, _MILLIMETRES):
            raise InputError(
                f"{path} holds images of kinds {kinds[0]} and {kinds[1]} with {header.units:g} "
                f"depth units a metre; only {JPEG} (JPEG), {ZLIB} (zlib) and {_MILLIMETRES:g} are "
                "read"
            )
        return cls(path, header)

    def read(self, every: int) -> Iterator[SensFrame]:
        """Yield every n-th frame whose pose is known.

        Args:
            every: 1 for all frames.

        Raises:
            InputError: a frame is damaged.
        """
        with self.path.open("rb") as file:
            records = list(whole_records(file, self.header))
            for record in records[::every]:
                if np.isfinite(record.world_from_camera).all():
                    color, depth = record.read(file)
                    unpacked = self._depth(record.number, depth)
                    yield SensFrame(record.number, color, unpacked, record.world_from_camera)
        if len(records) < self.header.frames:
            raise _cut_off(self.path)

    def _depth(self, number: int, packed: bytes) -> npt.NDArray[np.uint16]:
        try:
            return unpack_depth(packed, self.header)
        except (ValueError, zlib.error) as error:
            raise InputError(f"{self.path}: frame {number} is damaged: {error}") from error


def _cut_off(path: Path) -> InputError:
    return InputError(f"{path} is cut off or damaged; download it again")
