"""Meshes as point clouds: points spread evenly over the surface, coloured like it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.scene import Float64, Int64

MAX_POINTS = 20_000_000  # 500 MB; a large house at 2 cm has 5 million voxels
_GREY = 0.5
_SEED = 0


def sample_mesh_file(path: Path, *, spacing: float) -> tuple[Float64, Float64]:
    """Points on the surface of a mesh and their colours.

    Args:
        path: GLB, glTF, OBJ, OFF or STL.
        spacing: distance between points, in the unit of the file.

    Returns:
        (P, 3) positions and (P, 3) RGB in [0, 1], the same for the same file. Colours are those
        of the texture, else of the vertices, else grey.

    Raises:
        RecordingError: it cannot be read or has no surface.
    """
    mesh = _read(path)
    corners = np.asarray(mesh.vertices)[np.asarray(mesh.triangles)]  # (T, 3, 3)
    areas = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    areas = np.nan_to_num(areas) / 2
    count = areas.sum() / spacing**2
    if not 0 < count < np.inf:
        raise RecordingError(f"{path} has no surface to put points on")
    if count > MAX_POINTS:
        raise RecordingError(
            f"{path} has a surface of {areas.sum():.3g} square units, which takes {count:.3g} "
            f"points, {MAX_POINTS} are allowed; if its unit is the millimetre, give --scale 0.001"
        )
    rng = np.random.default_rng(_SEED)
    ends = np.cumsum(areas)
    # Evenly spaced along the summed area, so that no triangle is missed by chance.
    chosen = np.searchsorted(ends, (np.arange(int(count) + 1) + 0.5) / (int(count) + 1) * ends[-1])
    weights = _barycentric(rng.random((len(chosen), 2)))
    points = np.einsum("pc,pcx->px", weights, corners[chosen])
    return points, _colors(mesh, chosen, weights)


def _read(path: Path) -> Any:
    try:
        import open3d
    except (ImportError, OSError) as error:
        raise RecordingError(
            f"{path.suffix} files are read with Open3D, which cannot be loaded ({error}): "
            "pip install 'seg3d_ros[clouds]'"
        ) from error
    with open3d.utility.VerbosityContextManager(open3d.utility.VerbosityLevel.Error):
        mesh = open3d.io.read_triangle_mesh(path)
    if not mesh.has_triangles():
        raise RecordingError(f"{path} holds no triangles; is it damaged?")
    return mesh


def _barycentric(uniform: Float64) -> Float64:
    """(P, 3) weights of the corners, evenly distributed, from (P, 2) numbers in [0, 1)."""
    root = np.sqrt(uniform[:, 0])
    return np.stack([1 - root, root * (1 - uniform[:, 1]), root * uniform[:, 1]], axis=1)


def _colors(mesh: Any, chosen: Int64, weights: Float64) -> Float64:
    textures = [np.asarray(texture) for texture in mesh.textures]
    if mesh.has_triangle_uvs() and any(texture.size for texture in textures):
        return _texture_colors(mesh, textures, chosen, weights)
    if mesh.has_vertex_colors():
        corners = np.asarray(mesh.vertex_colors)[np.asarray(mesh.triangles)[chosen]]
        return np.asarray(np.einsum("pc,pcx->px", weights, corners))
    return np.full((len(chosen), 3), _GREY)


def _texture_colors(mesh: Any, textures: list[Any], chosen: Int64, weights: Float64) -> Float64:
    """Colour of the nearest texel; grey where a material has no texture."""
    corners = np.asarray(mesh.triangle_uvs).reshape(-1, 3, 2)[chosen]
    place = np.einsum("pc,pcx->px", weights, corners) % 1.0  # textures repeat
    materials = np.asarray(mesh.triangle_material_ids)
    material = materials[chosen] if len(materials) else np.zeros(len(chosen), np.int64)
    colors = np.full((len(chosen), 3), _GREY)
    for number, texture in enumerate(textures):
        own = material == number
        if texture.size == 0 or not own.any():
            continue
        height, width = texture.shape[:2]
        columns, rows = (place[own] * (width, height)).astype(np.int64).T
        texels = texture.reshape(height, width, -1)[np.minimum(rows, height - 1), columns]
        colors[own] = texels[:, :3] / 255  # a grey texture has one channel, which is spread
    return colors
