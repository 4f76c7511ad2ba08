"""Zip archives of plain .npy arrays that may come from anywhere.

Nothing in them is pickled, and sizes are checked before anything is read.
"""

from __future__ import annotations

import math
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seg3d_ros.errors import InputError

HEADER_BYTES = 128  # of a small .npy array
ARRAY_SUFFIX = ".npy"
_MAX_MEMBERS = 100
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# Of the .npy headers that NumPy writes; its own parser runs into trouble with made-up ones.
_HEADER = re.compile(
    rb"\{'descr': '(?P<dtype>[<>|=]?[A-Za-z?]\d*)', 'fortran_order': (?P<fortran>True|False), "
    rb"'shape': \((?P<shape>(?:\d{1,19}, ?)*(?:\d{1,19})?)\), \} *\n"
)
DAMAGES = (  # what reading an archive can raise
    *(OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, struct.error, MemoryError),
    *(OverflowError, NotImplementedError, RuntimeError),  # the last two: encryption, deep nesting
)


class Members(NamedTuple):
    """Content of an archive: arrays by name without the suffix, and other files."""

    arrays: dict[str, npt.NDArray[Any]]
    files: dict[str, bytes]


def write_members(
    file: IO[bytes], arrays: Mapping[str, npt.NDArray[Any]], files: Mapping[str, bytes]
) -> None:
    """Write an archive; the same content gives the same bytes."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
        for name, array in arrays.items():
            member = zipfile.ZipInfo(name + ARRAY_SUFFIX)
            with archive.open(member, "w", force_zip64=True) as stream:
                plain = np.asarray(array, order="C")
                np.lib.format.write_array(stream, plain, (1, 0), allow_pickle=False)


def read_members(path: Path, wanted: Callable[[str], bool], *, max_bytes: int) -> Members:
    """Read those members of an archive whose names are wanted.

    Args:
        path: of the archive.
        wanted: says of a member's name whether it is read; others may be anything.
        max_bytes: largest unpacked size of those that are read.

    Raises:
        ValueError: or another of `DAMAGES`: it is no archive of plain arrays.
    """
    with zipfile.ZipFile(path) as archive:
        infos = [info for info in archive.infolist() if wanted(info.filename)]
        _check_sizes(infos, max_bytes)
        members = Members({}, {})
        for info in infos:
            if info.filename.endswith(ARRAY_SUFFIX):
                name = info.filename.removesuffix(ARRAY_SUFFIX)
                members.arrays[name] = _read_array(archive, info)
            else:
                members.files[info.filename] = archive.read(info)
    return members


def member_names(path: Path) -> list[str]:
    """Names of the members of an archive.

    Raises:
        ValueError: or another of `DAMAGES`: it is no archive.
    """
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def _check_sizes(infos: list[zipfile.ZipInfo], max_bytes: int) -> None:
    if len(infos) > _MAX_MEMBERS:
        raise InputError(f"it holds {len(infos)} arrays, {_MAX_MEMBERS} are allowed")
    names = [info.filename for info in infos]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(f"it holds {twice[0]!r} twice")
    total = sum(info.file_size for info in infos)
    if total > max_bytes:
        raise InputError(f"it unpacks to {total} bytes, {max_bytes} are allowed")
    if any(info.compress_type not in _COMPRESSIONS for info in infos):
        raise InputError("it is compressed in another way than NumPy does")


def split_rows(
    flat: npt.NDArray[Any], lengths: npt.NDArray[np.int64], name: str
) -> list[npt.NDArray[Any]]:
    """Parts of these lengths, of which `flat` holds one behind the other.

    Raises:
        InputError: a length is impossible, or they do not add up.
    """
    if not np.all((lengths >= 1) & (lengths <= len(flat))):
        raise InputError(f"the stored {name} are damaged: a length is impossible")
    if int(lengths.sum()) != len(flat):
        raise InputError(f"the stored {name} are damaged: their lengths do not add up")
    return np.split(flat, np.cumsum(lengths)[:-1]) if len(lengths) else []


def _read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> npt.NDArray[Any]:
    """Read one array; memory is taken only when its header agrees with the archive's size."""
    with archive.open(info) as file:
        shape, fortran_order, dtype = _read_header(file)
        if dtype.hasobject:
            raise InputError(f"{info.filename} has the type {dtype}, only plain ones are allowed")
        size = math.prod(shape) * dtype.itemsize
        if file.tell() + size != info.file_size:
            raise InputError(f"{info.filename} declares {size} bytes and holds another number")
        data = np.frombuffer(bytearray(file.read(size)), dtype, count=math.prod(shape))
    return np.asarray(data.reshape(shape, order="F" if fortran_order else "C"), order="C")


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise InputError(f"an array has the .npy version {version}, expected (1, 0)")
    header = _HEADER.fullmatch(file.read(int.from_bytes(file.read(2), "little")))
    if header is None:
        raise InputError("the header of an array is damaged")
    try:
        dtype = np.dtype(header["dtype"].decode())
    except TypeError as error:
        raise InputError(f"an array has the type {header['dtype'].decode()!r}") from error
    shape = tuple(int(length) for length in re.findall(rb"\d+", header["shape"]))
    return shape, header["fortran"] == b"True", dtype
