"""OFF files: vertices and polygons of any size as text, with or without colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seg3d_ros.recordings.mesh import Mesh, check_corners, fan_triangles
from seg3d_ros.recordings.point_colors import as_bytes
from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.scene import Float64

_WIDTHS = {"OFF": 3, "COFF": 7, "NOFF": 6, "CNOFF": 10, "STOFF": 5}


def read_off(path: Path) -> Mesh:
    """Read an OFF file.

    Raises:
        RecordingError: it is of another form, damaged or cut off.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    rows = [row for row in (line.partition("#")[0].split() for line in text.splitlines()) if row]
    if not rows or rows[0][0].upper() not in _WIDTHS:
        raise RecordingError(f"it does not begin with one of {', '.join(_WIDTHS)}")
    kind = rows[0].pop(0).upper()
    rows = rows[0:] if rows[0] else rows[1:]  # the counts may stand behind the word
    try:
        return _mesh(rows, kind)
    except ValueError as error:
        raise RecordingError(str(error)) from None


def _mesh(rows: list[list[str]], kind: str) -> Mesh:
    vertices, faces = (int(word) for word in rows[0][:2])
    if min(vertices, faces) < 0 or vertices + faces > len(rows) - 1:
        raise RecordingError(
            f"the header promises {vertices} vertices and {faces} faces, the file holds "
            f"{len(rows) - 1} lines; is it cut off?"
        )
    table = np.array(rows[1 : vertices + 1], np.float64).reshape(vertices, -1)
    if vertices and table.shape[1] < 3:
        raise RecordingError("its vertices have fewer than three numbers")
    polygons = rows[vertices + 1 : vertices + faces + 1]
    lengths = np.array([int(row[0]) for row in polygons], np.int64)
    corners = np.array(
        [word for row, n in zip(polygons, lengths, strict=True) for word in row[1 : n + 1]],
        np.int64,
    )
    if len(corners) != lengths.sum():
        raise RecordingError("a face has fewer corners than it says; is it cut off?")
    check_corners(corners, vertices)
    triangles, _, polygon = fan_triangles(lengths, corners)
    colored = "C" in kind or (kind == "OFF" and table.shape[1] in (6, 7))
    place = 6 if kind == "CNOFF" else 3
    vertex_colors = _shares(table[:, place : place + 3]) if colored else None
    face_colors = None if colored else _face_colors(polygons, lengths)
    return Mesh(
        table[:, :3], triangles, vertex_colors,
        None if face_colors is None else face_colors[polygon], fields=("vertices", "faces"),
    )  # fmt: skip


def _face_colors(polygons: list[list[str]], lengths: np.ndarray) -> Float64 | None:
    """(F, 3) colours behind the corners; NaN where a face has none."""
    colors = np.full((len(polygons), 3), np.nan)
    for i, (row, n) in enumerate(zip(polygons, lengths.tolist(), strict=True)):
        if len(row) >= n + 4:
            colors[i] = row[n + 1 : n + 4]
    return _shares(colors)


def _shares(colors: Float64) -> Float64 | None:
    """Colours of any range as numbers in [0, 1], NaN where they were NaN."""
    known = np.isfinite(colors)
    in_bytes = as_bytes(colors)[0] if known.any() else None
    return None if in_bytes is None else np.where(known, in_bytes / 255, np.nan)
