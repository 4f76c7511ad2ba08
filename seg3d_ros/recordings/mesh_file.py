"""Mesh files as points on their surface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from seg3d_ros.recordings.file_points import FilePoints
from seg3d_ros.recordings.gltf_file import NeedsDecoderError, read_gltf
from seg3d_ros.recordings.mesh import Mesh
from seg3d_ros.recordings.mesh_points import surface_points
from seg3d_ros.recordings.obj_file import read_obj
from seg3d_ros.recordings.off_file import read_off
from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.recordings.stl_file import read_stl

_READERS: dict[str, Callable[[Path], Mesh]] = {
    ".obj": read_obj,
    ".off": read_off,
    ".stl": read_stl,
    ".glb": read_gltf,
    ".gltf": read_gltf,
}


def sample_mesh_file(path: Path, *, spacing: float) -> FilePoints:
    """Points on the surface of a mesh, and those of its vertices that are on no face.

    Args:
        path: GLB, glTF, OBJ, OFF or STL.
        spacing: distance between points, in the unit of the file.

    Raises:
        RecordingError: it cannot be read, or holds neither a surface nor points.
    """
    try:
        return surface_points(_read(path), spacing=spacing)
    except RecordingError as error:
        raise RecordingError(f"{path}: {error}") from None


def _read(path: Path) -> Mesh:
    reader = _READERS[path.suffix.lower()]
    try:
        return reader(path)
    except NeedsDecoderError as error:
        try:
            mesh = _read_with_open3d(path)
        except RecordingError as second:
            raise RecordingError(f"{error}, which cannot be read here: {second}") from None
        return replace(mesh, notes=(f"{error}; colours of materials are not read",))


def _read_with_open3d(path: Path) -> Mesh:
    """The triangles, colours of vertices and pictures that Open3D reads."""
    try:
        import open3d
    except (ImportError, OSError) as error:
        raise RecordingError(
            f"Open3D is needed, which cannot be loaded ({error}): pip install 'seg3d_ros[clouds]'"
        ) from error
    with open3d.utility.VerbosityContextManager(open3d.utility.VerbosityLevel.Error):
        mesh = open3d.io.read_triangle_mesh(path)
    if not mesh.has_triangles():
        raise RecordingError("it holds no triangles; is it damaged?")
    triangles = np.asarray(mesh.triangles).astype(np.int64)
    pictures = [np.asarray(picture) for picture in mesh.textures]
    uv = (
        np.asarray(mesh.triangle_uvs).reshape(-1, 3, 2) * (1, -1)
        if mesh.has_triangle_uvs()
        else None
    )
    materials = np.asarray(mesh.triangle_material_ids)
    picture_of = materials if len(materials) else np.zeros(len(triangles), np.int64)
    has_picture = np.array([picture.ndim > 1 for picture in pictures] + [False])
    kept = np.cumsum(has_picture) - 1
    return Mesh(
        np.asarray(mesh.vertices),
        triangles,
        np.asarray(mesh.vertex_colors) if mesh.has_vertex_colors() else None,
        corner_uv=uv,
        picture_of=np.where(has_picture[picture_of], kept[picture_of], -1),
        pictures=tuple(
            np.repeat(picture.reshape(*picture.shape[:2], -1), 3, axis=2)[..., :3]
            if picture.ndim == 2
            else picture[..., :3]
            for picture in pictures
            if picture.ndim > 1
        ),
    )
