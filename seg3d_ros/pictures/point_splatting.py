"""Points to an image on the CPU: paraboloid splats into a depth buffer, edges shaded after.

The paraboloid makes neighbouring splats meet halfway, so that every pixel shows the nearest
point; the shading is the eye-dome lighting of C. Boucheny (PhD thesis, Grenoble 2009).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from seg3d_ros.kernels import kernel
from seg3d_ros.scene import Float32, Float64

_NEAR_M = 0.05
_MAX_SPLAT_PX = 24
_EDGE_STRENGTH = 5.0
_EDGE_RINGS = (1, 2, 4)  # pixels between a pixel and the neighbours it is compared with


@dataclass(frozen=True, eq=False)
class View:
    """A virtual pinhole camera.

    Attributes:
        width: pixels.
        height: pixels.
        focal: focal length, pixels.
        center: (2,) principal point, pixels.
        camera_from_map: (4, 4) float64, optical frame (x right, y down, z forward).
    """

    width: int
    height: int
    focal: float
    center: tuple[float, float]
    camera_from_map: Float64

    def enlarged(self, factor: int) -> View:
        """View with `factor` times the pixels on each side."""
        u, v = self.center
        return View(
            self.width * factor,
            self.height * factor,
            self.focal * factor,
            (u * factor, v * factor),
            self.camera_from_map,
        )

    def of_map_frame(self, origin: Float64) -> View:
        """View of points in the map frame, from one that was made for local coordinates.

        Args:
            origin: (3,) of the local coordinates, map frame, metres.
        """
        camera_from_map = self.camera_from_map.copy()
        camera_from_map[:3, 3] -= camera_from_map[:3, :3] @ origin
        return replace(self, camera_from_map=camera_from_map)

    def project(self, points: npt.NDArray[np.floating]) -> Float64:
        """(N, 3) columns u, v in pixels and depth in metres, of (N, 3) points in the map frame."""
        seen = points @ self.camera_from_map[:3, :3].T + self.camera_from_map[:3, 3]
        depth = np.maximum(seen[:, 2], 1e-6)
        u = seen[:, 0] / depth * self.focal + self.center[0]
        v = seen[:, 1] / depth * self.focal + self.center[1]
        return np.stack([u, v, seen[:, 2]], axis=1)


@dataclass(frozen=True, eq=False)
class Splatted:
    """Nearest point of each pixel.

    Attributes:
        rows: (H, W) int32 row of the point, -1 where there is none.
        depth: (H, W) float32 metres, infinite where there is none.
    """

    rows: npt.NDArray[np.int32]
    depth: Float32


def splat(points: Float32, view: View, *, point_size: float) -> Splatted:
    """Draw (N, 3) points of a diameter in metres, nearest on top."""
    rows = np.full((view.height, view.width), -1, np.int32)
    depth = np.full((view.height, view.width), np.inf, np.float32)
    _splat(view.project(points), view.focal, point_size, rows, depth)
    return Splatted(rows, depth)


@kernel
def _splat(projected, focal, point_size, rows, depth):  # type: ignore[no-untyped-def]
    height, width = rows.shape
    for row in range(len(projected)):
        u, v, z = projected[row]
        if z < _NEAR_M:
            continue
        radius = min(max(0.5 * focal * point_size / z, 0.75), _MAX_SPLAT_PX)
        left, right = max(0, int(np.ceil(u - radius))), min(width, int(np.floor(u + radius)) + 1)
        top, bottom = max(0, int(np.ceil(v - radius))), min(height, int(np.floor(v + radius)) + 1)
        for y in range(top, bottom):
            for x in range(left, right):
                distance = ((x - u) ** 2 + (y - v) ** 2) / radius**2
                bent = z + distance * point_size
                if distance <= 1 and bent < depth[y, x]:
                    depth[y, x] = bent
                    rows[y, x] = row


def edge_shade(depth: Float32, *, tolerance: float) -> Float32:
    """(H, W) brightness in [0, 1] that darkens what lies behind an edge.

    Args:
        depth: (H, W) metres, infinite where there is nothing.
        tolerance: steps in depth up to this many metres are no edge.
    """
    occlusion = np.zeros(depth.shape, np.float32)
    height, width = depth.shape
    margin = max(_EDGE_RINGS)
    padded = np.pad(depth, margin, mode="edge")
    with np.errstate(invalid="ignore"):  # nothing minus nothing
        for ring in _EDGE_RINGS:
            for dy, dx in ((0, ring), (0, -ring), (ring, 0), (-ring, 0)):
                shifted = padded[margin + dy :, margin + dx :][:height, :width]
                step = np.clip(depth - shifted - tolerance * ring, 0, 0.4)
                occlusion += np.nan_to_num(step / depth, nan=0.0) / len(_EDGE_RINGS)
    return np.exp(-_EDGE_STRENGTH * occlusion).astype(np.float32)
