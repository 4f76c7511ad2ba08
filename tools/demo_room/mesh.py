"""Textured triangle meshes, and a scene of them that rays can be cast into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import open3d as o3d
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Mesh:
    """A textured mesh; a plain colour is a texture of one texel.

    Attributes:
        vertices: (V, 3) float32, metres.
        faces: (F, 3) int32.
        uv: (F, 3, 2) float32 texture coordinates of each corner, v up.
        material: (F,) int32 index into textures.
        textures: (h, w, 3) float32 images of linear colour.
    """

    vertices: Array
    faces: NDArray[np.int32]
    uv: Array
    material: NDArray[np.int32]
    textures: list[Array]

    def moved(self, x: float, y: float, z: float, turn_deg: float) -> Mesh:
        """Copy turned about +z and put at a place."""
        cosine, sine = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
        turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
        vertices = (self.vertices @ turn.T + (x, y, z)).astype(np.float32)
        return Mesh(vertices, self.faces, self.uv, self.material, self.textures)


@dataclass(frozen=True, eq=False)
class Hits:
    """Where (N,) rays met the scene; rows of rays that met nothing have mesh -1.

    Attributes:
        distance: (N,) float32 in lengths of the ray's direction, infinite for a miss.
        points: (N, 3) float32, metres.
        normals: (N, 3) float32 unit, towards the origin of the ray.
        colors: (N, 3) float32 linear albedo.
        mesh: (N,) int32 number of the mesh that was hit.
    """

    distance: Array
    points: Array
    normals: Array
    colors: Array
    mesh: NDArray[np.int32]


class RayScene:
    """Meshes in an Open3D ray caster, with their textures in one flat table."""

    def __init__(self, meshes: Sequence[Mesh]) -> None:
        self._caster = o3d.t.geometry.RaycastingScene()
        for mesh in meshes:
            self._caster.add_triangles(mesh.vertices, mesh.faces.astype(np.uint32))
        counts = [len(mesh.faces) for mesh in meshes]
        self._first_face = np.cumsum([0, *counts])[:-1]
        materials = np.cumsum([0, *(len(mesh.textures) for mesh in meshes)])[:-1]
        self._uv = np.concatenate([mesh.uv for mesh in meshes])
        self._material = np.concatenate(
            [mesh.material + first for mesh, first in zip(meshes, materials, strict=True)]
        )
        textures = [texture for mesh in meshes for texture in mesh.textures]
        self._sizes = np.array([texture.shape[:2] for texture in textures])
        self._offsets = np.concatenate([[0], np.cumsum(self._sizes.prod(axis=1))])[:-1]
        self._texels = np.concatenate([texture.reshape(-1, 3) for texture in textures])

    def blocked(self, origins: Array, directions: Array, *, far: float = 1.0) -> NDArray[np.bool_]:
        """(N,) True where something stands between an origin and `far` times the direction."""
        rays = np.concatenate([origins, directions], axis=1).astype(np.float32)
        return self._caster.test_occlusions(rays, tnear=1e-4, tfar=far).numpy()

    def cast(self, origins: Array, directions: Array) -> Hits:
        """First surface along (N, 3) rays."""
        rays = np.concatenate([origins, directions], axis=1).astype(np.float32)
        found = {name: value.numpy() for name, value in self._caster.cast_rays(rays).items()}
        distance = found["t_hit"]
        missed = ~np.isfinite(distance)
        mesh = np.where(missed, 0, found["geometry_ids"]).astype(np.int32)
        face = self._first_face[mesh] + np.where(missed, 0, found["primitive_ids"])
        normals = found["primitive_normals"]
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        # Models are wound either way round: a surface faces whoever looks at it.
        normals *= -np.sign((normals * directions).sum(axis=1, keepdims=True))
        points = origins + np.where(missed, 0, distance)[:, None] * directions
        colors = self._colors(face, found["primitive_uvs"])
        mesh[missed] = -1
        return Hits(distance, points.astype(np.float32), normals, colors, mesh)

    def _colors(self, face: NDArray[np.int64], barycentric: Array) -> Array:
        corners = self._uv[face]
        b1, b2 = barycentric[:, :1], barycentric[:, 1:]
        uv = (1 - b1 - b2) * corners[:, 0] + b1 * corners[:, 1] + b2 * corners[:, 2]
        material = self._material[face]
        height, width = self._sizes[material].T
        column = np.floor((uv[:, 0] % 1.0) * width).astype(np.int64).clip(0, width - 1)
        row = np.floor((-uv[:, 1] % 1.0) * height).astype(np.int64).clip(0, height - 1)
        return self._texels[self._offsets[material] + row * width + column]
