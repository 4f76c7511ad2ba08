"""Textured triangle meshes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Mesh:
    """A textured mesh in a frame with z up; a plain colour is a texture of one texel.

    Attributes:
        vertices: (V, 3) float32, metres.
        faces: (F, 3) int32.
        uv: (F, 3, 2) float32 texture coordinates of each corner, v up, wrapping around.
        material: (F,) int32 index into textures.
        textures: (h, w, 4) float32 images in [0, 1]: linear red, green and blue, then the
            opacity, which is 0 where rays pass (between leaves).
    """

    vertices: Array
    faces: NDArray[np.int32]
    uv: Array
    material: NDArray[np.int32]
    textures: list[Array]

    def moved(self, x: float, y: float, z: float, turn_deg: float, *, scale: float = 1.0) -> Mesh:
        """Copy scaled about the origin, turned about +z, then put at a place (metres)."""
        cosine, sine = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
        turn = scale * np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
        vertices = (self.vertices @ turn.T + (x, y, z)).astype(np.float32)
        return replace(self, vertices=vertices)


def joined(parts: Sequence[Mesh]) -> Mesh:
    """One mesh of several, keeping their order of faces and textures."""
    starts = np.cumsum([0, *(len(part.vertices) for part in parts)])[:-1]
    materials = np.cumsum([0, *(len(part.textures) for part in parts)])[:-1]
    faces = [part.faces + start for part, start in zip(parts, starts, strict=True)]
    material = [part.material + first for part, first in zip(parts, materials, strict=True)]
    return Mesh(
        np.concatenate([part.vertices for part in parts]),
        np.concatenate(faces, dtype=np.int32),
        np.concatenate([part.uv for part in parts]),
        np.concatenate(material, dtype=np.int32),
        [texture for part in parts for texture in part.textures],
    )


def plain(red: float, green: float, blue: float) -> Array:
    """(1, 1, 4) opaque texture of one linear colour."""
    return np.array([[[red, green, blue, 1.0]]], np.float32)


def to_linear(encoded: Array) -> Array:
    """Turn sRGB values in [0, 1] to linear light; the exponent 2.2 is near enough."""
    return np.asarray(encoded**2.2, np.float32)
