"""Points as lines of text: XYZ, XYZRGB, PTS, TXT, ASC and CSV, in the usual columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt

from seg3d_ros.errors import InputError
from seg3d_ros.recordings.file_points import FilePoints, from_columns
from seg3d_ros.recordings.recording import RecordingError

Array = npt.NDArray[Any]

_HEAD_LINES = 200  # within which numbers must begin
_COMMENTS = ("#", "//")
_SEPARATORS = (";", ",", None)  # None: spaces and tabs
_MANY_ROWS = 100_000  # enough to tell colours from normals


def read_text_points(path: Path) -> FilePoints:
    """Read points from text.

    Lines may be separated by spaces, tabs, commas or semicolons, and preceded by comments, the
    names of the columns, or the number of points (PTS, also several blocks). Without names, three
    columns of whole numbers from 0 to 255 are colours, also three of real numbers from 0 to 1
    that are no unit normals.

    Raises:
        RecordingError: it holds something else, or less than its number of points says.
    """
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            head = _parse_head(list(islice(file, _HEAD_LINES)))
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            for _ in range(head.skipped):
                next(file)
            table = _read_rows(file, head)
        names = head.names
        if len(names) != table.shape[1]:
            names = _guessed_names(table, pts=path.suffix.lower() == ".pts")
    except ValueError as error:
        raise RecordingError(f"{path} cannot be read as lines of x y z: {error}") from None
    points = from_columns(dict(zip(names, table.T, strict=True)))
    if points is None:
        raise RecordingError(f"{path} has the columns {', '.join(names)}, but no x, y and z")
    return points


@dataclass(frozen=True)
class _Head:
    """Header lines before the points.

    Attributes:
        names: of the columns, where the file names them.
        skipped: number of lines.
        separator: between numbers; None: spaces.
        count: whether the next line is a number of points.
    """

    names: tuple[str, ...]
    skipped: int
    separator: str | None
    count: bool


def _parse_head(lines: list[str]) -> _Head:
    names: tuple[str, ...] = ()
    counted: int | None = None
    for number, line in enumerate(lines):
        text = line.strip()
        separator, words = _split(text)
        if len(words) >= 3 and all(map(_is_number, words)):
            skipped = number if counted is None else counted
            return _Head(names, skipped, separator, counted is not None)
        bare = tuple(word.strip(" \t\"'#/").lower() for word in _split(text.lstrip("#/"))[1])
        if text.isdecimal() and counted is None:
            counted = number
        elif {"x", "y", "z"} <= set(bare):
            names = bare
        elif text and not text.startswith(_COMMENTS):
            raise InputError(f"line {number + 1} is {text[:60]!r}")
    raise InputError("no line holds three numbers")


def _split(text: str) -> tuple[str | None, list[str]]:
    """The separator of a line, and its words."""
    separator = next((s for s in _SEPARATORS if s is None or s in text), None)
    return separator, text.split(separator)


def _is_number(word: str) -> bool:
    try:
        float(word.replace(",", "."))
    except ValueError:
        return False
    return True


def _read_rows(file: TextIO, head: _Head) -> Array:
    if not head.count:
        return _table(file, head.separator)
    tables = []
    for line in file:  # each block begins with its number of points
        if not line.strip():
            continue
        if not line.strip().isdecimal():
            raise InputError(f"{line.strip()[:60]!r} follows the points that were promised")
        table = _table(islice(file, int(line)), head.separator)
        if len(table) < int(line):
            raise InputError(
                f"{int(line)} points are promised and {len(table)} there; is it cut off?"
            )
        tables.append(table)
    return np.concatenate(tables)


def _table(lines: Iterable[str], separator: str | None) -> Array:
    """(N, columns) numbers.

    Raises:
        InputError: the lines differ in length, or hold no numbers.
    """
    if separator == ";":
        lines = (line.replace(",", ".") for line in lines)
    return np.loadtxt(lines, np.float64, delimiter=separator, ndmin=2)


def _guessed_names(table: Array, *, pts: bool) -> tuple[str, ...]:
    """Names by the values, for a file that has none; PTS puts an intensity before the colours."""
    names = ["x", "y", "z"][: table.shape[1]]
    names += [f"column {i + 1}" for i in range(3, table.shape[1])]
    rows = table[:: max(1, len(table) // _MANY_ROWS)]
    rows = rows[np.isfinite(rows).all(axis=1)]
    places = sorted(range(3, table.shape[1] - 2), key=lambda at: (at % 3, at))
    if pts and 4 in places:
        places.insert(0, 4)
    for is_color in (_are_bytes, _are_shares):
        found = [at for at in places if len(rows) and is_color(rows[:, at : at + 3])]
        if found:
            names[found[0] : found[0] + 3] = ["red", "green", "blue"]
            break
    return tuple(names)


def _are_bytes(triple: Array) -> bool:
    in_range = triple.min() >= 0 and 1 < triple.max() <= 255
    return bool(in_range and not (triple % 1).any())


def _are_shares(triple: Array) -> bool:
    """Real numbers from 0 to 1 that are not the unit normals of a surface."""
    length = np.linalg.norm(triple, axis=1)
    unit = np.abs(length - 1) < 0.01
    return bool(triple.min() >= 0 and triple.max() <= 1 and unit.mean() < 0.9)
