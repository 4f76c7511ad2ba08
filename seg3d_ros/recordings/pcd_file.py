"""PCD files of the Point Cloud Library: text, binary and compressed.

The sizes that the header promises are compared with the file before anything is allocated.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.recordings.file_points import FilePoints, from_columns
from seg3d_ros.recordings.lzf import decompress
from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.recordings.text_numbers import parse_numbers
from seg3d_ros.scene import UInt8

Array = npt.NDArray[Any]

MAX_HEADER_BYTES = 1 << 20
_DATA = re.compile(rb"^DATA[ \t]+(\w+)[ \t]*(\r\n|\n|\r)", re.MULTILINE | re.IGNORECASE)
_TYPES = ("F4", "F8", "I1", "I2", "I4", "I8", "U1", "U2", "U4", "U8")


@dataclass(frozen=True)
class PcdHeader:
    """Header of a PCD file.

    Attributes:
        fields: (name, dtype, count) of each.
        points: number of records.
        data: "ascii", "binary" or "binary_compressed".
        size: bytes of the header.
    """

    fields: tuple[tuple[str, np.dtype[Any], int], ...]
    points: int
    data: str
    size: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of a record; names are numbered, since those of the file may come twice."""
        return np.dtype([(str(i), dtype, (n,)) for i, (_, dtype, n) in enumerate(self.fields)])


def read_pcd(path: Path) -> FilePoints:
    """Read a PCD file.

    Raises:
        RecordingError: it is no PCD file, damaged, or shorter than its header says.
    """
    data = np.fromfile(path, np.uint8)
    try:
        header = parse_header(data)
        values = _READERS[header.data](header, data[header.size :])
    except ValueError as error:
        raise RecordingError(f"{path}: {error}") from None
    columns = {
        name: column[:, 0] for (name, _, _), column in zip(header.fields, values, strict=True)
    }
    points = from_columns(columns)
    if points is None:
        raise RecordingError(f"{path} has the fields {', '.join(columns)}, but no x, y and z")
    return points


def parse_header(data: UInt8) -> PcdHeader:
    """Read the header of a PCD file.

    Args:
        data: all bytes of the file.

    Raises:
        RecordingError: it has no such header; the path is left to the caller.
    """
    head = data[:MAX_HEADER_BYTES].tobytes()
    end = _DATA.search(head)
    if end is None:
        raise RecordingError("it has no PCD header with a line DATA; is it cut off?")
    entries = {}
    for line in re.split(r"\r\n|\n|\r", head[: end.start()].decode("utf-8", "replace")):
        word, *rest = line.split() or [""]
        entries[word.upper()] = rest
    kind = end[1].decode().lower()
    if kind not in _READERS:
        raise RecordingError(f"its body is {kind!r}; known are {', '.join(_READERS)}")
    return PcdHeader(_fields(entries), _points(entries), kind, end.end())


def _fields(entries: dict[str, list[str]]) -> tuple[tuple[str, np.dtype[Any], int], ...]:
    names = entries.get("FIELDS") or entries.get("COLUMNS") or []
    sizes, types = entries.get("SIZE", []), entries.get("TYPE", [])
    counts = entries.get("COUNT") or ["1"] * len(names)
    if not names or not len(names) == len(sizes) == len(types) == len(counts):
        raise RecordingError("its lines FIELDS, SIZE, TYPE and COUNT differ in length")
    fields = []
    for name, size, kind, count in zip(names, sizes, types, counts, strict=True):
        code = kind.upper() + size
        if code not in _TYPES or not re.fullmatch(r"\d{1,6}", count) or int(count) == 0:
            raise RecordingError(f"its field {name} has the unknown type {code} x {count}")
        fields.append((name, np.dtype("<" + code.lower()), int(count)))
    return tuple(fields)


def _points(entries: dict[str, list[str]]) -> int:
    sizes = entries.get("POINTS") or [*entries.get("WIDTH", []), *entries.get("HEIGHT", ["1"])]
    if not sizes or not all(re.fullmatch(r"\d{1,9}", size) for size in sizes):
        raise RecordingError("its header has no number of POINTS")
    return math.prod(map(int, sizes))


def _too_short(header: PcdHeader, complete: int) -> RecordingError:
    return RecordingError(
        f"the header promises {header.points} points, the file holds {complete}; "
        "it is cut off or damaged, copy or export it again"
    )


def _read_binary(header: PcdHeader, body: UInt8) -> list[Array]:
    dtype = header.dtype
    if header.points * dtype.itemsize > len(body):
        raise _too_short(header, len(body) // dtype.itemsize)
    records = body[: header.points * dtype.itemsize].view(dtype)
    return [records[name] for name in dtype.names or ()]


def _read_compressed(header: PcdHeader, body: UInt8) -> list[Array]:
    if len(body) < 8:
        raise _too_short(header, 0)
    packed, size = (int(value) for value in body[:8].view("<u4"))
    expected = header.points * header.dtype.itemsize
    if size != expected:
        raise RecordingError(f"the header promises {expected} bytes, the body {size}")
    if packed > len(body) - 8:
        raise RecordingError(
            f"its compressed body has {packed} bytes, the file holds {len(body) - 8}; "
            "it is cut off or damaged, copy or export it again"
        )
    if size > 100 * packed:  # LZF unpacks 3 bytes to at most 264
        raise RecordingError(f"its body of {packed} bytes cannot unpack to {size}")
    unpacked = decompress(body[8 : 8 + packed], size)
    columns, at = [], 0
    for _, dtype, count in header.fields:  # one field after the other
        end = at + header.points * count * dtype.itemsize
        columns.append(unpacked[at:end].view(dtype).reshape(header.points, count))
        at = end
    return columns


def _read_text(header: PcdHeader, body: UInt8) -> list[Array]:
    width = sum(count for _, _, count in header.fields)
    if header.points * width * 2 > len(body) + 1:
        raise _too_short(header, len(body) // (2 * width))
    numbers = parse_numbers(body)
    if header.points * width > len(numbers):
        raise _too_short(header, len(numbers) // width)
    table = numbers[: header.points * width].reshape(header.points, width)
    ends = np.cumsum([count for _, _, count in header.fields])
    return np.split(table, ends[:-1], axis=1)


_READERS = {"ascii": _read_text, "binary": _read_binary, "binary_compressed": _read_compressed}
