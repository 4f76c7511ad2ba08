"""A scene of textured meshes that rays can be cast into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seg3d_ros.kernels import kernel
from seg3d_ros.synthesis.mesh import Array, Mesh

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]

_OPAQUE = 0.5  # opacity from which a surface stops rays
_MAX_LAYERS = 4  # see-through surfaces looked through in turn; what lies behind more is a miss
_LIFT = 1e-4  # part of the distance by which a ray starts behind the surface it has passed


@dataclass(frozen=True, eq=False)
class Hits:
    """First hits of (N,) rays in the scene; rows of rays that met nothing have mesh -1.

    Attributes:
        distance: (N,) float32 in lengths of the ray's direction, infinite for a miss.
        points: (N, 3) float32, metres; the origin for a miss.
        normals: (N, 3) float32 unit, towards the origin of the ray; zero for a miss.
        colors: (N, 3) float32 linear albedo; zero for a miss.
        mesh: (N,) int32 number of the mesh that was hit.
    """

    distance: Array
    points: Array
    normals: Array
    colors: Array
    mesh: Int32

    def rows(self, chosen: NDArray[np.bool_], *, origin: Array) -> Hits:
        """Some of the hits, in a frame with another origin (3,)."""
        return Hits(
            self.distance[chosen],
            self.points[chosen] - origin,
            self.normals[chosen],
            self.colors[chosen],
            self.mesh[chosen],
        )


class _Atlas(NamedTuple):
    """Textures of all meshes in one table of texels, for compiled functions.

    Attributes:
        uv: (F, 3, 2) float32 corners of all faces.
        material: (F,) int32 rows of `heights`, `widths` and `offsets`.
        heights, widths: (T,) int64 texels.
        offsets: (T,) int64 first texel.
        texels: (X, 4) float32 linear colour and opacity.
    """

    uv: Array
    material: Int32
    heights: Int64
    widths: Int64
    offsets: Int64
    texels: Array


class RayScene:
    """Meshes in an Open3D ray caster, with their textures in one flat table.

    Args:
        meshes: at least one; `Hits.mesh` is the place in this sequence.
        threads: of the ray caster; 0: as many as the machine has cores.
    """

    def __init__(self, meshes: Sequence[Mesh], *, threads: int = 0) -> None:
        import open3d

        caster: Any = open3d.t.geometry.RaycastingScene(nthreads=threads)
        self._caster = caster
        self._threads = threads
        for mesh in meshes:
            caster.add_triangles(mesh.vertices, mesh.faces.astype(np.uint32))
        counts = [len(mesh.faces) for mesh in meshes]
        self._first_face = np.cumsum([0, *counts])[:-1]
        self._atlas = _make_atlas(meshes)

    def blocked(self, origins: Array, directions: Array, *, far: float = 1.0) -> NDArray[np.bool_]:
        """(N,) True where something stands between an origin and `far` times the direction."""
        rays = np.concatenate([origins, directions], axis=1).astype(np.float32)
        found = self._caster.test_occlusions(rays, tnear=1e-4, tfar=far, nthreads=self._threads)
        return np.asarray(found.numpy())

    def cast(self, origins: Array, directions: Array) -> Hits:
        """First opaque surface along (N, 3) rays."""
        hits, opacity = self._first_hits(origins, directions)
        for _ in range(_MAX_LAYERS):
            rows = np.flatnonzero(opacity < _OPAQUE)
            if not len(rows):
                return hits
            passed = hits.distance[rows] * np.float32(1 + _LIFT)
            starts = origins[rows] + passed[:, None] * directions[rows]
            behind, opacity[rows] = self._first_hits(starts, directions[rows])
            hits.distance[rows] = passed + behind.distance
            for column in ("points", "normals", "colors", "mesh"):
                getattr(hits, column)[rows] = getattr(behind, column)
        _forget(hits, np.flatnonzero(opacity < _OPAQUE))
        return hits

    def _first_hits(self, origins: Array, directions: Array) -> tuple[Hits, Array]:
        """First surfaces, whatever their opacity, and that opacity (N,), 1 for a miss."""
        rays = np.concatenate([origins, directions], axis=1).astype(np.float32)
        found = self._caster.cast_rays(rays, nthreads=self._threads)
        distance = found["t_hit"].numpy()
        missed = ~np.isfinite(distance)
        mesh = np.where(missed, 0, found["geometry_ids"].numpy()).astype(np.int32)
        face = self._first_face[mesh] + np.where(missed, 0, found["primitive_ids"].numpy())
        texels = np.empty((len(rays), 4), np.float32)
        _look_up(self._atlas, face, found["primitive_uvs"].numpy(), texels)
        texels[missed] = (0, 0, 0, 1)
        normals = _facing(found["primitive_normals"].numpy(), directions)
        points = origins + np.where(missed, 0, distance)[:, None] * directions
        mesh[missed] = -1
        hits = Hits(distance, points.astype(np.float32), normals, texels[:, :3].copy(), mesh)
        return hits, texels[:, 3]


def _forget(hits: Hits, rows: Int64) -> None:
    hits.distance[rows] = np.inf
    hits.normals[rows] = hits.colors[rows] = 0
    hits.mesh[rows] = -1


def _facing(normals: Array, directions: Array) -> Array:
    """Unit normals against the rays: models are wound either way round."""
    length = np.sqrt(np.einsum("nk,nk->n", normals, normals))
    along = np.einsum("nk,nk->n", normals, directions)
    scale = np.where(along > 0, -1, 1) / np.maximum(length, 1e-12)
    return np.asarray(normals * scale[:, None].astype(np.float32))


def _check_textures(mesh: Mesh) -> None:
    """Refuse what the compiled look-up, which checks nothing, would read beyond the texels for.

    Raises:
        ValueError: a face has a material without a texture, a texture has no texel or is not
            (H, W, 4), or a texture coordinate is not finite.
    """
    count = len(mesh.textures)
    if len(mesh.material) and not 0 <= mesh.material.min() <= mesh.material.max() < count:
        raise ValueError(
            f"faces have materials {mesh.material.min()} to {mesh.material.max()}, but the mesh "
            f"has {count} textures; give each material one"
        )
    for texture in mesh.textures:
        if texture.ndim != 3 or texture.shape[2] != 4 or not texture.size:
            raise ValueError(f"a texture has shape {texture.shape}; it has to be (H, W, 4)")
    if not np.isfinite(mesh.uv).all():
        raise ValueError("texture coordinates hold NaN or infinity")


def _make_atlas(meshes: Sequence[Mesh]) -> _Atlas:
    for mesh in meshes:
        _check_textures(mesh)
    firsts = np.cumsum([0, *(len(mesh.textures) for mesh in meshes)])[:-1]
    material = [mesh.material + first for mesh, first in zip(meshes, firsts, strict=True)]
    textures = [texture for mesh in meshes for texture in mesh.textures]
    sizes = np.array([texture.shape[:2] for texture in textures], np.int64)
    return _Atlas(
        np.concatenate([mesh.uv for mesh in meshes], dtype=np.float32),
        np.concatenate(material, dtype=np.int32),
        np.ascontiguousarray(sizes[:, 0]),
        np.ascontiguousarray(sizes[:, 1]),
        np.concatenate([[0], np.cumsum(sizes.prod(axis=1))[:-1]]).astype(np.int64),
        np.concatenate([texture.reshape(-1, 4) for texture in textures], dtype=np.float32),
    )


@kernel
def _look_up(atlas, faces, barycentric, texels):  # type: ignore[no-untyped-def]
    """Nearest texel of each hit: `barycentric` (N, 2) weighs the corners 1 and 2 of its face."""
    for i in range(faces.size):
        face = faces[i]
        b1, b2 = barycentric[i, 0], barycentric[i, 1]
        b0 = np.float32(1) - b1 - b2
        corner = atlas.uv[face]
        u = b0 * corner[0, 0] + b1 * corner[1, 0] + b2 * corner[2, 0]
        v = b0 * corner[0, 1] + b1 * corner[1, 1] + b2 * corner[2, 1]
        material = atlas.material[face]
        height, width = atlas.heights[material], atlas.widths[material]
        column = min(np.int64((u - np.floor(u)) * width), width - 1)
        row = min(np.int64((np.ceil(v) - v) * height), height - 1)
        texel = atlas.offsets[material] + row * width + column
        for k in range(4):
            texels[i, k] = atlas.texels[texel, k]
