"""Map files: voxels and objects in one .npz that is written whole or not at all.

The file is a zip of plain .npy arrays ("voxels.positions", "objects.id", ...) and a version.
Nothing in it is pickled, and sizes are checked before anything is read, since a file may come
from anywhere.
"""

from __future__ import annotations

import math
import os
import secrets
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

Arrays = Mapping[str, npt.NDArray[Any]]

FORMAT_VERSION = 1
MAX_BYTES = 1 << 30  # 20 million voxels with position, colour and weight
_MAX_ARRAYS = 100
_VERSION_NAME = "seg3d_ros_map_version"


class MapFileError(Exception):
    """A map file cannot be read or written; the message says which, why, and what to do."""


class MapArrays(NamedTuple):
    """Content of a map file: the arrays of `VoxelMap.to_arrays` and `ObjectMap.to_arrays`."""

    voxels: dict[str, npt.NDArray[Any]]
    objects: dict[str, npt.NDArray[Any]]


def save_map(path: str | Path, voxels: Arrays, objects: Arrays) -> Path:
    """Write a map file; a crash or a full disk leaves an older file as it was.

    Args:
        path: file to make or replace; "~" is the user's home, missing folders are made.
        voxels: arrays of the voxel map.
        objects: arrays of the object map.

    Returns:
        The path written, "~" resolved.

    Raises:
        MapFileError: the file cannot be written.
    """
    target = _resolve(path, "write")
    arrays = {f"voxels.{name}": array for name, array in voxels.items()}
    arrays |= {f"objects.{name}": array for name, array in objects.items()}
    arrays[_VERSION_NAME] = np.array(FORMAT_VERSION)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(target, arrays)
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
    if not source.is_file():
        raise MapFileError(f"cannot read the map {source}: there is no such file; check the path")
    try:
        with zipfile.ZipFile(source) as archive:
            _check_sizes(archive, max_bytes)
            arrays = {info.filename: _read_array(archive, info) for info in archive.infolist()}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise _not_a_map(source, str(error)) from error
    except (NotImplementedError, RuntimeError) as error:  # unknown compression, encryption
        raise _not_a_map(source, str(error)) from error

    version = arrays.pop(f"{_VERSION_NAME}.npy", None)
    if version is None:
        raise _not_a_map(source, "it has no version")
    if version.shape != () or version != FORMAT_VERSION:
        raise MapFileError(
            f"cannot read the map {source}: its version is {version}, this program reads "
            f"{FORMAT_VERSION}; save the map again with this program"
        )
    return MapArrays(_part(arrays, "voxels."), _part(arrays, "objects."))


def _resolve(path: str | Path, verb: str) -> Path:
    if not str(path).strip() or "\0" in str(path):
        raise MapFileError(f"cannot {verb} the map {str(path)!r}: give the path of a file")
    try:
        resolved = Path(path).expanduser()
    except RuntimeError as error:
        raise MapFileError(f"cannot {verb} the map {path}: {error}; give a full path") from error
    if resolved.is_dir():
        raise MapFileError(f"cannot {verb} the map {resolved}: it is a folder; name a file in it")
    return resolved


def _write_whole(target: Path, arrays: Arrays) -> None:
    """Write beside the target and rename, so that the target is never half a file."""
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    with temporary.open("xb") as file:
        try:
            np.savez(file, **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException:
            temporary.unlink()
            raise


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
    return np.lib.format.read_array_header_1_0(file)


def _part(arrays: Arrays, prefix: str) -> dict[str, npt.NDArray[Any]]:
    return {
        name.removeprefix(prefix).removesuffix(".npy"): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
