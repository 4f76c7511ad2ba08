"""Shapes of placed models: size, proportions, and the side they lie on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seg3d_ros.synthesis.library import FurnitureModel
from seg3d_ros.synthesis.mesh import Mesh
from seg3d_ros.synthesis.poses import Size
from seg3d_ros.synthesis.room import Placed


@dataclass(frozen=True)
class Shape:
    """Change of a model before it is placed; see `Placed` for the attributes."""

    scale: float = 1.0
    stretch: tuple[float, float, float] = (1.0, 1.0, 1.0)
    tip_deg: tuple[float, float] = (0.0, 0.0)

    def extent(self, model: FurnitureModel) -> Size:
        """Metres along x, y and z of a box around the changed model."""
        x, y, z = (factor * self.scale for factor in self.stretch)
        size = (model.width * x, model.depth * y, model.height * z)
        if self.tip_deg == (0.0, 0.0):
            return size
        width, depth, height = (np.abs(_tip(self.tip_deg)) @ size).tolist()
        return width, depth, height


def placed_mesh(mesh: Mesh, item: Placed) -> Mesh:
    """Mesh of a model where it stands in a room."""
    if (item.stretch, item.tip_deg) != (Shape.stretch, Shape.tip_deg):
        vertices = mesh.vertices * np.array(item.stretch) @ _tip(item.tip_deg).T
        used = np.zeros(len(vertices), bool)
        used[mesh.faces] = True
        low, high = (f(vertices[used], axis=0) for f in (np.min, np.max))
        vertices -= (*(low + high)[:2] / 2, low[2])
        mesh = replace(mesh, vertices=vertices.astype(np.float32))
    return mesh.moved(item.x, item.y, item.z, item.turn_deg, scale=item.scale)


def _tip(degrees: tuple[float, float]) -> NDArray[np.float64]:
    """(3, 3) turn about x, then about y."""
    (a, b), (c, d) = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[b, 0, d], [0, 1, 0], [-d, 0, b]]) @ [[1, 0, 0], [0, a, -c], [0, c, a]]
