"""PLY files: every element as columns of numbers.

The sizes that the header promises are compared with the file before anything is allocated.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.kernels import kernel
from seg3d_ros.recordings.ply_header import PlyElement, PlyHeader, PlyProperty, parse_header
from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.recordings.text_numbers import parse_numbers
from seg3d_ros.scene import Int64

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Lists:
    """One list a record, of any lengths.

    Attributes:
        lengths: (N,) int64.
        values: (sum of lengths,) all lists behind each other.
    """

    lengths: Int64
    values: Array


@dataclass(frozen=True, eq=False)
class Ply:
    """Content of a PLY file.

    Attributes:
        header: what it promised.
        elements: by name; columns (N,) by name of the property, or lists.
        unread: bytes (numbers, in text) that follow the last element.
    """

    header: PlyHeader
    elements: dict[str, dict[str, Array | Lists]]
    unread: int

    def columns(self, element: str) -> dict[str, Array]:
        """(N,) values by name, of those properties of an element that are no lists."""
        found = self.elements.get(element, {})
        return {name: values for name, values in found.items() if isinstance(values, np.ndarray)}


def read_ply(path: Path) -> Ply:
    """Read a PLY file, text or binary.

    Raises:
        RecordingError: it is no PLY file, damaged, or shorter than its header says.
    """
    data = np.fromfile(path, np.uint8)
    try:
        header = parse_header(data)
        body = _Body(data[header.size :], header.order)
        if body.is_text:
            _check_least_size(header, len(body.units))
            body = _Body(parse_numbers(body.units), header.order)
        elements = {}
        at = 0
        for element in header.elements:
            elements[element.name], at = _read_element(element, body, at)
    except ValueError as error:
        raise RecordingError(f"{path}: {error}") from None
    return Ply(header, elements, len(body.units) - at)


@dataclass(frozen=True, eq=False)
class _Body:
    """Bytes after the header, or the numbers of a text; and the order of the bytes."""

    units: Array
    order: str

    @property
    def is_text(self) -> bool:
        return self.order == "="

    def check_room(self, element: PlyElement, width: int, at: int) -> None:
        """Refuse more records of at least `width` units than fit behind `at`."""
        if element.count * width > len(self.units) - at:
            raise _too_short(element, (len(self.units) - at) // width)


def _check_least_size(header: PlyHeader, size: int) -> None:
    """Of a text, each number of which takes at least a digit and a separator."""
    for element in header.elements:
        if 2 * element.count * len(element.properties) > size + 1:
            raise _too_short(element, size // max(2 * len(element.properties), 1))


def _too_short(element: PlyElement, complete: int) -> RecordingError:
    return RecordingError(
        f"the header promises {element.count} of '{element.name}', the file holds {complete}; "
        "it is cut off or damaged, copy or export it again"
    )


def _read_element(
    element: PlyElement, body: _Body, at: int
) -> tuple[dict[str, Array | Lists], int]:
    """Columns of an element that begins at `at`, and where the next one begins."""
    if any(item.length_dtype is not None for item in element.properties):
        return _read_lists(element, body, at)
    dtype = np.dtype([(item.name, item.dtype) for item in element.properties])
    width = len(element.properties) if body.is_text else dtype.itemsize
    body.check_room(element, width, at)
    part = body.units[at : at + element.count * width]
    columns: dict[str, Array | Lists]
    if body.is_text:
        table = part.reshape(element.count, width)
        columns = {
            item.name: _typed(table[:, i], item) for i, item in enumerate(element.properties)
        }
    else:
        records = part.view(dtype) if width else np.empty(0, dtype)
        columns = {item.name: records[item.name] for item in element.properties}
    return columns, at + len(part)


def _typed(numbers: Array, item: PlyProperty) -> Array:
    """Numbers of a text in the type that the header names, where that loses nothing."""
    if item.dtype.kind == "f":
        return numbers
    with np.errstate(invalid="ignore"):
        whole = numbers.astype(item.dtype)
    return whole if np.array_equal(whole, numbers) else numbers


def _read_lists(element: PlyElement, body: _Body, at: int) -> tuple[dict[str, Array | Lists], int]:
    sizes, heads = _unit_sizes(element, text=body.is_text)
    body.check_room(element, int(np.where(heads > 0, heads, sizes).sum()), at)
    starts, lengths = np.empty((2, element.count, len(sizes)), np.int64)
    complete, at = _find_records(body.units, at, sizes, heads, body.order == ">", starts, lengths)
    if complete < element.count:
        raise _too_short(element, complete)
    columns: dict[str, Array | Lists] = {}
    for i, item in enumerate(element.properties):
        values = np.empty(int(lengths[:, i].sum()) * sizes[i], body.units.dtype)
        _gather(body.units, starts[:, i], lengths[:, i] * sizes[i], values)
        values = _typed(values, item) if body.is_text else values.view(item.dtype)
        columns[item.name] = values if heads[i] == 0 else Lists(lengths[:, i].copy(), values)
    return columns, at


def _unit_sizes(element: PlyElement, *, text: bool) -> tuple[Int64, Int64]:
    """(P,) bytes (numbers, in a text) of an item of each property, and of its length; 0: none."""
    if text:
        lists = [item.length_dtype is not None for item in element.properties]
        return np.ones(len(lists), np.int64), np.array(lists, np.int64)
    heads = [item.length_dtype.itemsize if item.length_dtype else 0 for item in element.properties]
    return np.array([item.dtype.itemsize for item in element.properties]), np.array(heads)


@kernel
def _find_records(body, at, sizes, heads, big, starts, lengths):  # type: ignore[no-untyped-def]
    """Fill where each value or list begins and how many items it has.

    Args:
        body: bytes, or the numbers of a text.
        at: where the first record begins.
        sizes: (P,) of an item of each property.
        heads: (P,) size of the number before a list, 0 where there is none.
        big: whether bytes are in big-endian order.
        starts: (N, P) result.
        lengths: (N, P) result.

    Returns:
        (complete, at): the number of complete records, and where the last of them ends.
    """
    for i in range(len(starts)):
        here = at
        for p in range(sizes.size):
            items = np.int64(1)
            if heads[p] > 0:
                if here + heads[p] > body.size:
                    return i, at
                items = np.int64(0)
                for k in range(heads[p]):
                    shift = 8 * (heads[p] - 1 - k if big else k)
                    items += np.int64(body[here + k]) << shift
                here += heads[p]
            if items < 0 or items > (body.size - here) // sizes[p]:
                return i, at
            starts[i, p], lengths[i, p] = here, items
            here += items * sizes[p]
        at = here
    return len(starts), at


@kernel
def _gather(body, starts, lengths, values):  # type: ignore[no-untyped-def]
    """Copy pieces of the body behind each other."""
    at = 0
    for i in range(starts.size):
        for k in range(lengths[i]):
            values[at + k] = body[starts[i] + k]
        at += lengths[i]
