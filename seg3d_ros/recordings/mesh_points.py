"""Meshes as points: spread evenly over the surface, coloured like it."""

from __future__ import annotations

import numpy as np

from seg3d_ros.recordings.file_points import FilePoints
from seg3d_ros.recordings.mesh import Mesh
from seg3d_ros.recordings.point_colors import GREY, finite_rows
from seg3d_ros.recordings.recording import RecordingError
from seg3d_ros.scene import Bool, Float64, Int64, UInt8

MAX_POINTS = 20_000_000  # 500 MB; a large house at 2 cm has 5 million voxels
_BLOCK = 1_000_000  # points that are coloured at once
_COARSE_SHARE = 0.01  # of the surface
_SEED = 0


def vertices_cover(mesh: Mesh, voxel_size: float) -> bool:
    """Tell whether the vertices alone show the surface: nearly no triangle is longer than a voxel.

    Args:
        mesh: with or without triangles.
        voxel_size: in the unit of the mesh.
    """
    corners = mesh.vertices[mesh.triangles]
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1, initial=0)
    areas = _areas(corners)
    return bool(areas[longest > voxel_size].sum() <= _COARSE_SHARE * areas.sum())


def vertex_points(mesh: Mesh) -> FilePoints:
    """The vertices as points, in the order of the file."""
    colors, notes = _as_bytes(mesh.vertex_colors)
    return FilePoints(mesh.vertices, colors, mesh.fields, (*mesh.notes, *notes))


def surface_points(mesh: Mesh, *, spacing: float) -> FilePoints:
    """Points on the surface of a mesh, the same for the same mesh, and its loose vertices.

    Args:
        mesh: at least one vertex.
        spacing: distance between points, in the unit of the mesh.

    Raises:
        RecordingError: it has no surface and no loose vertex, or too large a surface.
    """
    areas = _areas(mesh.vertices[mesh.triangles])
    loose = mesh.loose
    count = areas.sum() / spacing**2
    if not loose.any() and not count > 0:
        raise RecordingError("it holds neither a surface nor points; is it damaged?")
    if not count <= MAX_POINTS:
        raise RecordingError(
            f"it has a surface of {areas.sum():.3g} square units, which takes {count:.3g} "
            f"points, {MAX_POINTS} are allowed; if its unit is the millimetre, give --scale 0.001"
        )
    chosen, weights = _sample(areas, int(count) + 1 if count > 0 else 0)
    positions, colors = [], []
    for block in np.split(np.arange(len(chosen)), np.arange(_BLOCK, len(chosen), _BLOCK)):
        corners = mesh.vertices[mesh.triangles[chosen[block]]]
        positions.append(np.einsum("pc,pcx->px", weights[block], corners))
        colors.append(_colors(mesh, chosen[block], weights[block]))
    return _with_loose(mesh, np.concatenate(positions), np.concatenate(colors))


def _areas(corners: Float64) -> Float64:
    """(T,) areas of (T, 3, 3) corners; 0 where one is not finite."""
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    with np.errstate(over="ignore"):
        areas = np.linalg.norm(across, axis=1) / 2
    return np.nan_to_num(areas, posinf=0.0)


def _sample(areas: Float64, count: int) -> tuple[Int64, Float64]:
    """(count,) triangles and (count, 3) weights of their corners, evenly distributed."""
    rng = np.random.default_rng(_SEED)
    ends = np.cumsum(areas)
    # Evenly spaced along the summed area, so that no triangle is missed by chance.
    steps = (np.arange(count) + 0.5) / max(count, 1)
    chosen = np.searchsorted(ends, steps * ends[-1] if count else steps)
    uniform = rng.random((count, 2))
    root = np.sqrt(uniform[:, 0])
    weights = [1 - root, root * (1 - uniform[:, 1]), root * uniform[:, 1]]
    return chosen, np.stack(weights, axis=1)


def _with_loose(mesh: Mesh, positions: Float64, colors: Float64) -> FilePoints:
    loose = mesh.loose
    count = np.count_nonzero(loose)
    blank = np.full((len(mesh.vertices), 3), np.nan)
    own = (blank if mesh.vertex_colors is None else mesh.vertex_colors)[loose]
    notes = mesh.notes
    if count and len(mesh.triangles):
        notes += (f"{count} vertices of no face are read as points",)
    in_bytes, color_notes = _as_bytes(np.concatenate([colors, own]))
    positions = np.concatenate([positions, mesh.vertices[loose]])
    return FilePoints(positions, in_bytes, mesh.fields, (*notes, *color_notes))


def _as_bytes(colors: Float64 | None) -> tuple[UInt8 | None, tuple[str, ...]]:
    """Colours that may be NaN as bytes, None where all are; and a note on those that are."""
    known = np.zeros(0, np.bool_) if colors is None else finite_rows(colors)
    if colors is None or not known.any():
        return None, ()
    in_bytes = np.full(colors.shape, GREY, np.uint8)
    in_bytes[known] = np.rint(np.clip(colors[known], 0, 1) * 255)
    missing = len(known) - np.count_nonzero(known)
    note = f"{missing} of {len(known)} points have no colour and are grey"
    return in_bytes, (note,) if missing else ()


def _colors(mesh: Mesh, chosen: Int64, weights: Float64) -> Float64:
    """(P, 3) RGB of points on triangles, the product of what the mesh has; NaN for nothing."""
    factors = []
    if mesh.vertex_colors is not None:
        factors.append(_interpolated(mesh.vertex_colors[mesh.triangles[chosen]], weights))
    if mesh.triangle_colors is not None:
        factors.append(mesh.triangle_colors[chosen])
    if mesh.corner_uv is not None and mesh.pictures:
        factors.append(_texels(mesh, chosen, weights))
    product = np.full((len(chosen), 3), np.nan)
    for factor in factors:
        product = np.where(
            np.isnan(product), factor, np.where(np.isnan(factor), 1, factor) * product
        )
    return product


def _interpolated(corners: Float64, weights: Float64) -> Float64:
    """(P, 3) means of those of (P, 3, 3) corners that have a colour; NaN where none has."""
    known: Bool = np.logical_and.reduce(np.isfinite(corners), axis=2)
    weights = weights * known
    total = weights.sum(axis=1, keepdims=True)
    sums = np.einsum("pc,pcx->px", weights, np.where(known[:, :, None], corners, 0.0))
    return np.where(total > 0, sums / np.maximum(total, 1e-12), np.nan)


def _texels(mesh: Mesh, chosen: Int64, weights: Float64) -> Float64:
    """Nearest texel; NaN where a triangle has no picture."""
    assert mesh.corner_uv is not None and mesh.picture_of is not None
    place = np.einsum("pc,pcx->px", weights, mesh.corner_uv[chosen])
    picture_of = np.where(finite_rows(place), mesh.picture_of[chosen], -1)
    colors = np.full((len(chosen), 3), np.nan)
    for number in np.unique(picture_of[picture_of >= 0]):
        own = picture_of == number
        picture = mesh.pictures[number]
        height, width = picture.shape[:2]
        u, v = (place[own] % 1.0).T  # pictures repeat
        columns = np.minimum((u * width).astype(np.int64), width - 1)
        rows = np.minimum(((1.0 - v) % 1.0 * height).astype(np.int64), height - 1)
        colors[own] = picture[rows, columns] / 255
    return colors
