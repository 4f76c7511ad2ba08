"""Header of a PLY file: its elements and their properties."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.scene import UInt8

MAX_HEADER_BYTES = 1 << 24
_TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4",
    "float": "f4", "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2",
    "int32": "i4", "uint32": "u4", "float32": "f4", "float64": "f8", "int64": "i8",
    "uint64": "u8", "long": "i8", "ulong": "u8",
}  # fmt: skip
_ORDERS = {"ascii": "=", "binary_little_endian": "<", "binary_big_endian": ">"}
_END = re.compile(rb"[\r\n]end_header[ \t]*(\r\n|\n|\r)")


@dataclass(frozen=True)
class PlyProperty:
    """One property.

    Attributes:
        name: as in the file; a second one of the same name has a number behind it.
        dtype: of its values, in the byte order of the file.
        length_dtype: of the number before each list; None where it is no list.
    """

    name: str
    dtype: np.dtype[np.generic]
    length_dtype: np.dtype[np.generic] | None = None


@dataclass(frozen=True)
class PlyElement:
    """An array of records, like "vertex" or "face"."""

    name: str
    count: int
    properties: tuple[PlyProperty, ...]


@dataclass(frozen=True)
class PlyHeader:
    """Header of a PLY file.

    Attributes:
        order: "<" or ">" of the bytes; "=" where the body is text.
        elements: in the order of the body.
        comments: without the word "comment".
        size: bytes of the header.
    """

    order: Literal["<", ">", "="]
    elements: tuple[PlyElement, ...]
    comments: tuple[str, ...]
    size: int


def parse_header(data: UInt8) -> PlyHeader:
    """Read the header of a PLY file.

    Args:
        data: all bytes of the file.

    Raises:
        RecordingError: it is no PLY file, or its header is damaged; the caller adds the path.
    """
    head = data[:MAX_HEADER_BYTES].tobytes()
    if not re.match(rb"ply[ \t]*[\r\n]", head):
        raise RecordingError("it does not begin with the line 'ply'")
    end = _END.search(head)
    if end is None:
        raise RecordingError("its header has no line 'end_header'; is it cut off?")
    lines = re.split(r"\r\n|\n|\r", head[: end.start()].decode("utf-8", "replace"))
    order: str | None = None
    elements: list[tuple[str, int, list[PlyProperty]]] = []
    comments = []
    for line in lines[1:]:
        word, _, rest = line.strip().partition(" ")
        if word == "format":
            order = _ORDERS.get(rest.split(" ")[0])
        elif word == "comment":
            comments.append(rest.strip())
        elif word == "element":
            name, _, count = rest.strip().rpartition(" ")
            elements.append((name, _count(count, line), []))
        elif word == "property" and elements:
            elements[-1][2].append(_property(rest.split(), order or "=", elements[-1][2]))
        elif word not in ("obj_info", ""):
            raise RecordingError(f"its header has a line that no PLY has: {line[:80]!r}")
    if order not in ("<", ">", "="):
        raise RecordingError("its header names no known format")
    made = tuple(PlyElement(name, count, tuple(found)) for name, count, found in elements)
    return PlyHeader(order, made, tuple(comments), end.end())  # type: ignore[arg-type]


def _count(text: str, line: str) -> int:
    if not re.fullmatch(r"\d{1,18}", text):
        raise RecordingError(f"its header has no number of elements in {line[:80]!r}")
    return int(text)


def _property(words: list[str], order: str, others: list[PlyProperty]) -> PlyProperty:
    is_list = words[:1] == ["list"]
    codes = [_TYPES.get(word.lower(), "?") for word in words[is_list:-1]]
    if len(codes) != 1 + is_list or "?" in codes or (is_list and codes[0][0] == "f"):
        raise RecordingError(
            f"its header has a property of no known type: {' '.join(words)[:80]!r}"
        )
    name, taken = words[-1], {other.name for other in others}
    if name in taken:
        name = next(f"{name}_{i}" for i in range(2, len(taken) + 3) if f"{name}_{i}" not in taken)
    dtypes = [np.dtype(f"{order}{code}") for code in codes]
    return PlyProperty(name, dtypes[-1], dtypes[0] if is_list else None)
