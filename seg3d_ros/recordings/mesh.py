"""Triangle meshes of files, in the axes and the unit of the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.scene import Bool, Float64, Int64, UInt8


@dataclass(frozen=True, eq=False)
class Mesh:
    """Surface and loose points.

    Colours multiply, as in glTF: those of the vertices, of the triangles and of the pictures.
    NaN stands for no colour.

    Attributes:
        vertices: (V, 3) float64; those of no triangle are points.
        triangles: (T, 3) int64 rows of vertices.
        vertex_colors: (V, 3) float64 RGB in [0, 1]; None where no vertex has a colour.
        triangle_colors: (T, 3) float64 RGB in [0, 1]; None where no triangle has a colour.
        corner_uv: (T, 3, 2) float64 place in the picture from its lower left; None without one.
        picture_of: (T,) int64 picture of each triangle, -1 for none; None without `corner_uv`.
        pictures: (H, W, 3) uint8 RGB each.
        fields: names of the properties in the file, for messages.
        notes: sentences on what was skipped.
    """

    vertices: Float64
    triangles: Int64
    vertex_colors: Float64 | None = None
    triangle_colors: Float64 | None = None
    corner_uv: Float64 | None = None
    picture_of: Int64 | None = None
    pictures: tuple[UInt8, ...] = ()
    fields: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def loose(self) -> Bool:
        """Vertices of no triangle, (V,) bool."""
        loose = np.ones(len(self.vertices), np.bool_)
        loose[self.triangles] = False
        return loose


def fan_triangles(lengths: Int64, corners: Int64) -> tuple[Int64, Int64, Int64]:
    """Cut polygons into triangles that share their first corner.

    Args:
        lengths: (F,) corners of each polygon.
        corners: (sum of lengths,) rows of vertices.

    Returns:
        ((T, 3) rows of vertices, (T, 3) places in `corners`, (T,) polygons).
    """
    count = np.maximum(lengths - 2, 0)
    polygon = np.repeat(np.arange(len(lengths)), count)
    first = (np.cumsum(lengths) - lengths)[polygon]
    second = first + 1 + np.arange(len(polygon)) - (np.cumsum(count) - count)[polygon]
    places = np.stack([first, second, second + 1], axis=1)
    return corners[places], places, polygon


def check_corners(corners: Int64, vertices: int) -> None:
    """Refuse faces whose corners are not there.

    Args:
        corners: rows of vertices.
        vertices: number of vertices.

    Raises:
        RecordingError: a row is none of a vertex.
    """
    wrong = corners[(corners < 0) | (corners >= vertices)]
    if len(wrong):
        raise RecordingError(
            f"a face has the corner {wrong[0]}, but there are {vertices} vertices; it is damaged"
        )


def without_loose(mesh: Mesh) -> Mesh:
    """The mesh less its vertices of no triangle."""
    used = ~mesh.loose
    rows = np.cumsum(used) - 1
    colors = None if mesh.vertex_colors is None else mesh.vertex_colors[used]
    return replace(
        mesh,
        vertices=mesh.vertices[used],
        triangles=rows[mesh.triangles],
        vertex_colors=colors,
    )


def merge_meshes(parts: Sequence[Mesh]) -> Mesh:
    """One mesh of several parts."""
    rows = np.cumsum([0, *(len(part.vertices) for part in parts)])
    shown = np.cumsum([0, *(len(part.pictures) for part in parts)])

    def joined(name: str, sizes: list[int], shape: tuple[int, ...]) -> Float64 | None:
        arrays = [getattr(part, name) for part in parts]
        if all(array is None for array in arrays):
            return None
        blank = [np.full((size, *shape), np.nan) for size in sizes]
        return np.concatenate([b if a is None else a for a, b in zip(arrays, blank, strict=True)])

    vertices = [len(part.vertices) for part in parts]
    triangles = [len(part.triangles) for part in parts]
    picture_of = [
        np.full(len(part.triangles), -1)
        if part.picture_of is None
        else np.where(part.picture_of < 0, -1, part.picture_of + first)
        for part, first in zip(parts, shown[:-1], strict=True)
    ]
    return Mesh(
        np.concatenate([part.vertices for part in parts]),
        np.concatenate([part.triangles + row for part, row in zip(parts, rows[:-1], strict=True)]),
        joined("vertex_colors", vertices, (3,)),
        joined("triangle_colors", triangles, (3,)),
        joined("corner_uv", triangles, (3, 2)),
        np.concatenate(picture_of),
        tuple(picture for part in parts for picture in part.pictures),
        tuple(dict.fromkeys(name for part in parts for name in part.fields)),
        tuple(note for part in parts for note in part.notes),
    )
