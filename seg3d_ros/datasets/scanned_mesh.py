"""Reconstructed meshes of labelled scans: PLY files, every vertex in its place.

Labels are stored by the row of a vertex, so that nothing is dropped, sampled or moved here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seg3d_ros.datasets.scene_arrays import SceneArrays
from seg3d_ros.errors import InputError
from seg3d_ros.recordings.file_points import from_columns
from seg3d_ros.recordings.mesh import check_corners, fan_triangles
from seg3d_ros.recordings.ply_file import Lists, Ply, read_ply
from seg3d_ros.recordings.point_colors import finite_rows
from seg3d_ros.scene import Float32, Float64, Int64, UInt8
from seg3d_ros.segmenters.superpoints import segment_mesh

_CORNERS = ("vertex_indices", "vertex_index")


@dataclass(frozen=True, eq=False)
class ScannedMesh:
    """Triangle mesh of a scan.

    Attributes:
        vertices: (V, 3) float32, metres, z up.
        colors: (V, 3) uint8 RGB.
        triangles: (T, 3) int32 rows of vertices; polygons are cut into fans.
        face_labels: (T,) int64 value of a face's property; None if none was asked for.
    """

    vertices: Float32
    colors: UInt8
    triangles: npt.NDArray[np.int32]
    face_labels: Int64 | None = None

    def __len__(self) -> int:
        return len(self.vertices)

    def labelled(self, labels: Mapping[str, Int64]) -> SceneArrays:
        """Vertices with (V,) labels by file name, normals and superpoints.

        Superpoints of the mesh are better than those of its vertices alone, as they know what is
        connected.
        """
        superpoint = segment_mesh(self.vertices, self.triangles.astype(np.int64))
        return SceneArrays(
            points=self.vertices,
            colors=self.colors,
            normals=vertex_normals(self.vertices, self.triangles),
            labels={**labels, "superpoint": superpoint},
        )


def read_scanned_mesh(
    path: Path, *, face_property: str | None = None, world_from_scan: Float64 | None = None
) -> ScannedMesh:
    """Read the mesh of a scan.

    Args:
        path: PLY file, text or binary.
        face_property: property of the faces that becomes `face_labels`.
        world_from_scan: (4, 4) rigid motion that is applied to the vertices; None: none.

    Raises:
        FileNotFoundError: the file is not there.
        InputError: it cannot be read, or lacks positions, colours, faces or the property.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; download the scene again")
    ply = read_ply(path)
    points = from_columns(ply.columns("vertex"))
    if points is None or points.colors is None:
        raise InputError(f"{path}: its vertices have no x, y, z or no colours")
    bad = len(points) - int(finite_rows(points.positions).sum())
    if bad:
        raise InputError(f"{path}: {bad} vertices are not finite; download the scene again")
    positions = points.positions
    if world_from_scan is not None:
        positions = positions @ world_from_scan[:3, :3].T + world_from_scan[:3, 3]
    triangles, polygon = _triangles(path, ply, len(points))
    labels = None
    if face_property is not None:
        columns = ply.columns("face")
        if face_property not in columns:
            there = ", ".join(ply.elements.get("face", {})) or "none"
            raise InputError(f"{path}: faces have no {face_property}; their properties: {there}")
        labels = columns[face_property].astype(np.int64)[polygon]
    return ScannedMesh(positions.astype(np.float32), points.colors, triangles, labels)


def _triangles(path: Path, ply: Ply, vertices: int) -> tuple[npt.NDArray[np.int32], Int64]:
    """(T, 3) corners, and the (T,) face that each triangle is a part of."""
    faces = ply.elements.get("face", {})
    named = (faces[name] for name in _CORNERS if name in faces)
    lists = next((item for item in named if isinstance(item, Lists)), None)
    if lists is None:
        raise InputError(f"{path} has no faces; give the mesh of the scan, not a point cloud")
    corners, _, polygon = fan_triangles(lists.lengths, lists.values.astype(np.int64))
    try:
        check_corners(corners.ravel(), vertices)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return corners.astype(np.int32), polygon


def vertex_normals(vertices: Float32, triangles: npt.NDArray[np.int32]) -> Float32:
    """(V, 3) unit normals, means of those of the faces weighted by their area; zero without faces.

    Args:
        vertices: (V, 3) metres.
        triangles: (T, 3) rows of vertices.
    """
    a, b, c = vertices[triangles].transpose(1, 0, 2).astype(np.float64)
    across = np.cross(b - a, c - a)  # twice the area long
    rows = triangles.ravel()
    sums = np.stack(
        [np.bincount(rows, np.repeat(axis, 3), minlength=len(vertices)) for axis in across.T],
        axis=1,
    )
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    normals: Float32 = np.divide(sums, lengths, out=np.zeros_like(sums), where=lengths > 0).astype(
        np.float32
    )
    return normals
