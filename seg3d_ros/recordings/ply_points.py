"""PLY files as points: clouds, Gaussian splats and meshes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.recordings.file_points import FilePoints, from_columns
from seg3d_ros.recordings.mesh import Mesh, check_corners, fan_triangles
from seg3d_ros.recordings.mesh_points import surface_points, vertex_points, vertices_cover
from seg3d_ros.recordings.pictures import PictureShelf
from seg3d_ros.recordings.ply_file import Lists, Ply, read_ply
from seg3d_ros.recordings.point_colors import find_colors
from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.scene import Float64, Int64

Array = npt.NDArray[Any]

_CORNERS = ("vertex_indices", "vertex_index", "vertices", "indices")
_UV = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"), ("texture_s", "texture_t"))
_READ = ("vertex", "face", "tristrips")


def read_ply_points(path: Path, *, spacing: float) -> FilePoints:
    """Read a PLY file.

    Of a cloud, and of a mesh whose vertices are nearer to each other than two `spacing`, the
    vertices are the points, in their order. Of other meshes the points lie on the surface.

    Args:
        path: of the file.
        spacing: distance between points on a surface, in the unit of the file.

    Raises:
        RecordingError: it cannot be read, or holds no positions.
    """
    ply = read_ply(path)
    points = from_columns(ply.columns("vertex"))
    if points is None:
        there = ", ".join(ply.elements.get("vertex", {})) or "none"
        raise RecordingError(f"{path}: its vertices have no x, y and z; their properties: {there}")
    notes = (*points.notes, *_notes(ply))
    try:
        mesh = _mesh(path, ply, points, notes)
        if mesh is None:
            return FilePoints(points.positions, points.colors, points.fields, notes)
        painted = mesh.pictures or mesh.triangle_colors is not None
        if not painted and vertices_cover(mesh, 2 * spacing):
            return vertex_points(mesh)
        return surface_points(mesh, spacing=spacing)
    except RecordingError as error:
        raise RecordingError(f"{path}: {error}") from None


def _notes(ply: Ply) -> tuple[str, ...]:
    """Sentences on what is not read."""
    notes = [
        f"{element.count} of '{element.name}' are not read"
        for element in ply.header.elements
        if element.name not in _READ and element.count
    ]
    if ply.unread:
        notes.append(
            f"{ply.unread} {'numbers' if ply.header.order == '=' else 'bytes'} behind "
            "its last element are not read"
        )
    return tuple(notes)


def _mesh(path: Path, ply: Ply, points: FilePoints, notes: tuple[str, ...]) -> Mesh | None:
    """The mesh of a file; None where it has no faces."""
    faces = _lists(ply, "face", _CORNERS)
    lengths, corners = (faces.lengths, faces.values) if faces else (np.empty(0, np.int64),) * 2
    triangles, places, polygon = fan_triangles(lengths, corners.astype(np.int64))
    if (lengths < 3).any():
        notes += (f"{np.count_nonzero(lengths < 3)} faces with fewer than 3 corners are skipped",)
    strips = _strip_triangles(_lists(ply, "tristrips", _CORNERS))
    count = len(strips)
    triangles = np.concatenate([triangles, strips])
    if not len(triangles):
        return None
    check_corners(triangles.ravel(), len(points))
    vertex_colors = None if points.colors is None else points.colors / 255
    face_colors = None
    if vertex_colors is None:
        face_colors = find_colors(_lower(ply.columns("face")))[0]
    shelf, numbers = _pictures(path, ply)
    pictures = tuple(shelf.pictures)
    uv = _corner_uv(ply, places, triangles) if pictures else None
    texture = ply.columns("face").get("texnumber", np.zeros(len(lengths)))[polygon]
    in_range = (texture >= 0) & (texture < len(numbers))
    picture_of = np.array([*numbers, -1])[np.where(in_range, texture, -1).astype(np.int64)]
    fields = [f"face {name}" for name in ply.elements.get("face", {})]
    return Mesh(
        points.positions,
        triangles,
        vertex_colors,
        None if face_colors is None else _padded(face_colors[polygon] / 255, count, np.nan),
        None if uv is None else _padded(uv, count, np.nan),
        _padded(picture_of, count, -1),
        pictures if uv is not None else (),
        (*points.fields, *fields),
        (*notes, *shelf.notes),
    )


def _lists(ply: Ply, element: str, names: tuple[str, ...]) -> Lists | None:
    """The first property of these names that has lists."""
    columns = ply.elements.get(element, {})
    found = (columns[name] for name in names if name in columns)
    return next((lists for lists in found if isinstance(lists, Lists)), None)


def _strip_triangles(strips: Lists | None) -> Int64:
    """(T, 3) triangles of strips, which negative numbers and the ends of lists break."""
    if strips is None:
        return np.empty((0, 3), np.int64)
    ends = np.cumsum(strips.lengths)
    row = np.insert(strips.values.astype(np.int64), ends, -1)
    if len(row) < 3:
        return np.empty((0, 3), np.int64)
    triangles = np.lib.stride_tricks.sliding_window_view(row, 3)
    return triangles[(triangles >= 0).all(axis=1)]


def _padded(values: Array, count: int, value: float) -> Array:
    """Values of the polygons' triangles, then `count` times none for those of strips."""
    return np.concatenate([values, np.full((count, *values.shape[1:]), value, values.dtype)])


def _lower(columns: dict[str, Array]) -> dict[str, Array]:
    return {name.lower(): values for name, values in columns.items()}


def _pictures(path: Path, ply: Ply) -> tuple[PictureShelf, list[int]]:
    """Pictures that comments name, as MeshLab writes them; and their numbers, -1 for missing."""
    shelf = PictureShelf()
    lines = [line.partition(" ") for line in ply.header.comments]
    names = [name.strip() for word, _, name in lines if word.lower() == "texturefile"]
    return shelf, [shelf.add_file(path.parent, name) for name in names]


def _corner_uv(ply: Ply, places: Int64, triangles: Int64) -> Float64 | None:
    """(T, 3, 2) of the polygons' triangles, of corners or else of vertices."""
    wedges, corners = _lists(ply, "face", ("texcoord",)), _lists(ply, "face", _CORNERS)
    if wedges and corners and np.array_equal(wedges.lengths, 2 * corners.lengths):
        return wedges.values.reshape(-1, 2)[places].astype(np.float64)
    columns = _lower(ply.columns("vertex"))
    for names in _UV:
        if all(name in columns for name in names):
            by_vertex = np.stack([columns[name] for name in names], axis=1).astype(np.float64)
            return by_vertex[triangles[: len(places)]]
    return None
