"""NPZ files of points: plain arrays, whose sizes are checked before anything is unpacked."""

from __future__ import annotations

import lzma
import math
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.recordings.file_points import FilePoints
from seg3d_ros.recordings.point_colors import as_bytes
from seg3d_ros.recordings.recording import RecordingError

MAX_BYTES = 1 << 30  # 40 million points; as much as a map
_XYZ = ("xyz", "points", "coord", "coords")
_RGB = ("rgb", "color", "colors")
_DAMAGE = (
    ValueError, OSError, EOFError, RuntimeError, NotImplementedError, MemoryError, SyntaxError,
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, tokenize.TokenError,
)  # fmt: skip

Array = npt.NDArray[Any]


def read_arrays(path: Path) -> FilePoints:
    """Read "xyz" (P, 3) and "rgb" (P, 3), 0 to 255 or 0 to 1, of an NPZ file.

    Raises:
        RecordingError: it is no NPZ file, damaged, too large, or without positions.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [info.filename.removesuffix(".npy") for info in archive.infolist()]
            members = [_find(archive, names, wanted) for wanted in (_XYZ, _RGB)]
            _check_size([info for info in members if info])
            found = [_read_array(archive, info) if info else None for info in members]
    except _DAMAGE as error:
        reason = f"{type(error).__name__}: {error}" if isinstance(error, MemoryError) else error
        raise RecordingError(f"{path} is no archive of arrays ({reason})") from error
    positions, colors = found
    if positions is None:
        raise RecordingError(f"{path} holds no positions; name them {' or '.join(_XYZ)}")
    if positions.ndim != 2 or positions.shape[1] != 3 or positions.dtype.kind not in "fiu":
        raise RecordingError(f"{path}: positions have shape {positions.shape}, expected (P, 3)")
    if colors is None:
        return FilePoints(positions.astype(np.float64), None, tuple(names))
    if colors.shape != positions.shape or colors.dtype.kind not in "fiu":
        raise RecordingError(
            f"{path}: colours have shape {colors.shape}, the positions {positions.shape}"
        )
    rgb, notes = as_bytes(colors)
    return FilePoints(positions.astype(np.float64), rgb, tuple(names), notes)


def _find(
    archive: zipfile.ZipFile, names: list[str], wanted: tuple[str, ...]
) -> zipfile.ZipInfo | None:
    found = [name for name in wanted if name in names]
    return archive.infolist()[names.index(found[0])] if found else None


def _check_size(members: list[zipfile.ZipInfo]) -> None:
    total = sum(info.file_size for info in members)
    if total > MAX_BYTES:
        raise ValueError(f"its points unpack to {total} bytes, {MAX_BYTES} are allowed")


def _read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Array:
    """Array of a member whose header agrees with the size that the archive states."""
    with archive.open(info) as file:
        shape, fortran_order, dtype = _read_header(file)
        size = math.prod(shape) * dtype.itemsize
        if dtype.hasobject:
            raise ValueError(f"{info.filename} holds objects, which are not read")
        if file.tell() + size != info.file_size:
            raise ValueError(f"{info.filename} declares {size} bytes and holds another number")
        data = np.frombuffer(file.read(size), dtype)
    return data.reshape(shape, order="F" if fortran_order else "C")


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)
