"""Map files: voxels and objects in one .npz that is written whole or not at all.

The file is a zip of plain .npy arrays ("voxels.positions", "objects.id", ...) and a version.
Nothing in it is pickled, and sizes are checked before anything is read, since a file may come
from anywhere.
"""

from __future__ import annotations

import math
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seg3d_ros.files import replacing

Arrays = Mapping[str, npt.NDArray[Any]]

FORMAT_VERSION = 2
_READ_VERSIONS = (1, 2)  # 2 adds the origin of the voxel keys; in 1 it is zero
MAX_BYTES = 1 << 30  # 20 million voxels with position, colour and weight
_MAX_ARRAYS = 100
_VERSION_NAME = "seg3d_ros_map_version"
_HEADER_BYTES = 128  # of a small .npy array
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# Of the .npy headers that NumPy writes; its own parser runs into trouble with made-up ones.
_HEADER = re.compile(
    rb"\{'descr': '(?P<dtype>[<>|=]?[A-Za-z?]\d*)', 'fortran_order': (?P<fortran>True|False), "
    rb"'shape': \((?P<shape>(?:\d{1,19}, ?)*(?:\d{1,19})?)\), \} *\n"
)
_DAMAGES = (  # what reading a file can raise
    *(OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, struct.error, MemoryError),
    *(OverflowError, NotImplementedError, RuntimeError),  # the last two: encryption
)


class MapFileError(Exception):
    """A map file cannot be read or written; the message says which, why, and what to do."""


class MapArrays(NamedTuple):
    """Content of a map file: the arrays of `VoxelMap.to_arrays` and `ObjectMap.to_arrays`."""

    voxels: dict[str, npt.NDArray[Any]]
    objects: dict[str, npt.NDArray[Any]]


def save_map(
    path: str | Path, voxels: Arrays, objects: Arrays, *, max_bytes: int = MAX_BYTES
) -> Path:
    """Write a map file; a crash or a full disk leaves an older file as it was.

    Args:
        path: file to make, or map file to replace; "~" is the user's home, missing folders are
            made.
        voxels: arrays of the voxel map.
        objects: arrays of the object map.
        max_bytes: what `load_map` will accept.

    Returns:
        The path written, "~" resolved.

    Raises:
        MapFileError: the file cannot be written, is there and no map, or the map is too large.
    """
    target = _resolve(path, "write")
    _check_replaceable(target)
    arrays = {f"voxels.{name}": array for name, array in voxels.items()}
    arrays |= {f"objects.{name}": array for name, array in objects.items()}
    arrays[_VERSION_NAME] = np.array(FORMAT_VERSION)
    size = sum(_HEADER_BYTES + np.asarray(array).nbytes for array in arrays.values())
    if size > max_bytes:
        raise MapFileError(
            f"cannot write the map {target}: it has {size} bytes, and only {max_bytes} could be "
            "loaded again; lower max_voxels or raise voxel_size"
        )
    try:
        with replacing(target) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
    except OSError as error:
        raise MapFileError(
            f"cannot write the map {target}: {error}; give a path in a folder that can be written"
        ) from error
    return target


def load_map(path: str | Path, *, max_bytes: int = MAX_BYTES) -> MapArrays:
    """Read a map file.

    Args:
        path: file written by `save_map`; "~" is the user's home.
        max_bytes: largest unpacked size that is accepted.

    Raises:
        MapFileError: there is no such file, or it is not a map file of this version.
    """
    source = _resolve(path, "read")
    try:
        if not source.is_file():
            raise MapFileError(
                f"cannot read the map {source}: there is no such file; check the path"
            )
        with zipfile.ZipFile(source) as archive:
            _check_sizes(archive, max_bytes)
            arrays = {info.filename: _read_array(archive, info) for info in archive.infolist()}
    except _DAMAGES as error:
        raise _not_a_map(source, str(error) or type(error).__name__) from error

    version = arrays.pop(f"{_VERSION_NAME}.npy", None)
    if version is None:
        raise _not_a_map(source, "it has no version")
    if version.shape != () or version not in _READ_VERSIONS:
        raise MapFileError(
            f"cannot read the map {source}: its version is {version}, this program reads "
            f"{' and '.join(map(str, _READ_VERSIONS))}; read it with the program that wrote it"
        )
    return MapArrays(_part(arrays, "voxels."), _part(arrays, "objects."))


def _resolve(path: str | Path, verb: str) -> Path:
    if not str(path).strip() or "\0" in str(path):
        raise MapFileError(f"cannot {verb} the map {str(path)!r}: give the path of a file")
    try:
        resolved = Path(path).expanduser()
    except RuntimeError as error:
        raise MapFileError(f"cannot {verb} the map {path}: {error}; give a full path") from error
    try:
        is_folder = resolved.is_dir()
    except OSError as error:  # the name is too long, or a folder above it is closed to us
        raise MapFileError(f"cannot {verb} the map: {error}; give another path") from error
    if is_folder:
        raise MapFileError(f"cannot {verb} the map {resolved}: it is a folder; name a file in it")
    return resolved


def _check_replaceable(target: Path) -> None:
    """Refuse to overwrite what is no map file; an empty file may have been made for one."""
    try:
        if not target.exists() or (target.is_file() and not target.stat().st_size):
            return
        if target.is_file():
            with zipfile.ZipFile(target) as archive:
                archive.getinfo(f"{_VERSION_NAME}.npy")
            return
    except (KeyError, *_DAMAGES):
        pass
    raise MapFileError(
        f"cannot write the map {target}: there is something else that is no map file; "
        "remove it or give another path"
    )


def _not_a_map(path: Path, why: str) -> MapFileError:
    return MapFileError(
        f"cannot read the map {path}: it is not a map file, or a damaged one ({why}); "
        "give a file that save_map has written"
    )


def _check_sizes(archive: zipfile.ZipFile, max_bytes: int) -> None:
    infos = archive.infolist()
    if len(infos) > _MAX_ARRAYS:
        raise ValueError(f"it holds {len(infos)} arrays, {_MAX_ARRAYS} are allowed")
    total = sum(info.file_size for info in infos)
    if total > max_bytes:
        raise ValueError(f"it unpacks to {total} bytes, {max_bytes} are allowed")
    if any(info.compress_type not in _COMPRESSIONS for info in infos):
        raise ValueError("it is compressed in another way than save_map does")


def _read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> npt.NDArray[Any]:
    """Read one array; memory is taken only when its header agrees with the archive's size."""
    with archive.open(info) as file:
        shape, fortran_order, dtype = _read_header(file)
        if dtype.hasobject or fortran_order:
            raise ValueError(f"{info.filename} has the type {dtype}, only plain ones are allowed")
        size = math.prod(shape) * dtype.itemsize
        if file.tell() + size != info.file_size:
            raise ValueError(f"{info.filename} declares {size} bytes and holds another number")
        data = file.read(size)
    return np.frombuffer(bytearray(data), dtype, count=math.prod(shape)).reshape(shape)


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"an array has the .npy version {version}, expected (1, 0)")
    header = _HEADER.fullmatch(file.read(int.from_bytes(file.read(2), "little")))
    if header is None:
        raise ValueError("the header of an array is damaged")
    try:
        dtype = np.dtype(header["dtype"].decode())
    except TypeError as error:
        raise ValueError(f"an array has the type {header['dtype'].decode()!r}") from error
    shape = tuple(int(length) for length in re.findall(rb"\d+", header["shape"]))
    return shape, header["fortran"] == b"True", dtype


def _part(arrays: Arrays, prefix: str) -> dict[str, npt.NDArray[Any]]:
    return {
        name.removeprefix(prefix).removesuffix(".npy"): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
