"""Wavefront OBJ files: polygons of any size, relative numbers, materials, colours of vertices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seg3d_ros.recordings.material_file import Material, read_materials
from seg3d_ros.recordings.mesh import Mesh, check_corners, fan_triangles
from seg3d_ros.recordings.pictures import PictureShelf
from seg3d_ros.recordings.point_colors import as_bytes, finite_rows
from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.scene import Float64, Int64

_READ = {"v", "vt", "vn", "f", "fo", "p", "mtllib", "usemtl", "o", "g", "s", ""}
_SKIPPED = {"l": "lines", "curv": "curves", "curv2": "curves", "surf": "free-form surfaces"}


class _Line(NamedTuple):
    number: int
    text: str


_Lines = dict[str, list[_Line]]


def read_obj(path: Path) -> Mesh:
    """Read an OBJ file and the materials that it names.

    A picture takes the place of other colours, and colours of vertices that of a material's.

    Raises:
        RecordingError: a line is damaged, or a face has a corner that is not there.
    """
    lines = _by_keyword(path.read_text(encoding="utf-8", errors="replace"))
    vertices, vertex_colors, notes = _vertices(lines)
    lengths, corners, uv_rows = _faces(lines)
    check_corners(corners, len(vertices))
    triangles, places, polygon = fan_triangles(lengths, corners)
    if (lengths < 3).any():
        notes += (f"{np.count_nonzero(lengths < 3)} faces with fewer than 3 corners are skipped",)
    shelf = PictureShelf()
    materials, material_notes = _materials(path, lines, shelf)
    material_of = _material_of(lines)[polygon]
    picture_of = np.array([m.picture for m in materials] + [-1])[material_of]
    plain = np.array([m.color for m in materials] + [(np.nan,) * 3])[material_of]
    if shelf.pictures:
        vertex_colors = None
    if vertex_colors is not None:
        plain = np.full_like(plain, np.nan)
    plain[picture_of >= 0] = np.nan
    skipped = tuple(
        f"{len(found)} {_SKIPPED.get(word, f'lines {word[:20]!r}')} are not read"
        for word, found in lines.items()
        if word in _SKIPPED or (word not in _READ and not word.startswith("#"))
    )
    return Mesh(
        vertices, triangles, vertex_colors, plain, _corner_uv(lines, uv_rows, places),
        picture_of, tuple(shelf.pictures), _fields(lines),
        (*notes, *material_notes, *shelf.notes, *skipped),
    )  # fmt: skip


def _by_keyword(text: str) -> _Lines:
    lines: _Lines = {}
    for number, line in enumerate(text.replace("\\\n", " ").replace("\\\r\n", " ").splitlines()):
        word, _, rest = line.strip().replace("\t", " ").partition(" ")
        if word[:1] == "#":
            continue
        lines.setdefault(word, []).append(_Line(number, rest))
    return lines


def _fields(lines: _Lines) -> tuple[str, ...]:
    return tuple(word for word in ("v", "vt", "vn", "f", "usemtl") if word in lines)


def _rows(lines: Sequence[_Line], least: int) -> Float64:
    """(N, K) numbers of lines; NaN where a line has fewer than the longest.

    Raises:
        RecordingError: a line holds a word that is no number, or fewer than `least` of them.
    """
    rows = [line.text.partition("#")[0].split() for line in lines]
    lengths = np.array([len(row) for row in rows], np.int64)
    if (lengths < least).any():
        bad = lines[int(np.argmax(lengths < least))]
        raise RecordingError(f"line {bad.number + 1} has fewer than {least} numbers")
    table = np.full((len(rows), int(lengths.max(initial=least))), np.nan)
    try:
        values = np.array([word for row in rows for word in row], np.float64)
    except ValueError as error:
        raise RecordingError(f"a line holds a word that is no number ({error})") from None
    table[np.arange(table.shape[1]) < lengths[:, None]] = values
    return table


def _vertices(lines: _Lines) -> tuple[Float64, Float64 | None, tuple[str, ...]]:
    """Positions, colours behind them (x y z r g b), NaN where a line has none, and notes."""
    table = _rows(lines.get("v", []), 3)
    colors = table[:, 3:6]
    if colors.shape[1] < 3 or not finite_rows(colors).any():
        return table[:, :3], None, ()
    in_bytes, notes = as_bytes(colors)
    if in_bytes is None:
        return table[:, :3], None, notes
    return table[:, :3], np.where(finite_rows(colors)[:, None], in_bytes / 255, np.nan), ()


def _faces(lines: _Lines) -> tuple[Int64, Int64, Int64]:
    """Corners of each face, and rows of vertices and of texture places (-1: none) of the corners.

    Numbers count from one, or back from the last line before the face.
    """
    faces = sorted([*lines.get("f", []), *lines.get("fo", [])])
    words = [face.text.partition("#")[0].split() for face in faces]
    lengths = np.array([len(row) for row in words], np.int64)
    references = [word.split("/") for row in words for word in row]
    try:
        vertex = np.array([reference[0] for reference in references], np.int64)
        place = np.array([(r[1] or 0) if len(r) > 1 else 0 for r in references], np.int64)
    except ValueError as error:
        raise RecordingError(f"a face holds a word that is no number ({error})") from None
    at = np.repeat(np.array([face.number for face in faces], np.int64), lengths)
    vertex, place = (
        np.where(rows < 0, rows + np.searchsorted(_numbers(lines, word), at), rows - 1)
        for rows, word in ((vertex, "v"), (place, "vt"))
    )
    return lengths, vertex, place


def _numbers(lines: _Lines, word: str) -> Int64:
    return np.array([line.number for line in lines.get(word, [])], np.int64)


def _corner_uv(lines: _Lines, rows: Int64, places: Int64) -> Float64 | None:
    if "vt" not in lines:
        return None
    table = _rows(lines["vt"], 1)
    uv = np.zeros((len(table) + 1, 2))
    uv[:-1, : min(table.shape[1], 2)] = table[:, :2]
    uv[-1] = np.nan
    rows = np.where((rows < 0) | (rows >= len(table)), len(table), rows)
    return uv[rows[places]]


def _materials(
    path: Path, lines: _Lines, shelf: PictureShelf
) -> tuple[list[Material], tuple[str, ...]]:
    """Material of each line usemtl; and notes on files and materials that are missing."""
    known: dict[str, Material] = {}
    notes = []
    for line in lines.get("mtllib", []):
        name = line.text.strip()
        whole = path.parent / name
        names = [name] if whole.is_file() else name.split()  # one with blanks, or several
        for file in names:
            try:
                known |= read_materials(path.parent / file, shelf)
            except OSError:
                notes.append(f"its file of materials {file!r} cannot be read")
    wanted = [line.text.strip() for line in lines.get("usemtl", [])]
    missing = sorted({name for name in wanted if name not in known}) if known else []
    if missing:
        notes.append(f"{len(missing)} materials are not in its files, like {missing[0]!r}")
    return [known.get(name, Material()) for name in wanted], tuple(notes)


def _material_of(lines: _Lines) -> Int64:
    """(F,) row in the lines usemtl of each face; -1 for none."""
    faces = np.sort(np.concatenate([_numbers(lines, "f"), _numbers(lines, "fo")]))
    return np.searchsorted(_numbers(lines, "usemtl"), faces) - 1
