"""Supporting surfaces of furniture, on which things can be put down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from seg3d_ros.synthesis.mesh import Mesh

Array = NDArray[np.float64]
CELL = 0.04  # metres
_OPEN = 3.0  # clearance where nothing is above
_LEAST_CLEARANCE = 0.08
_LEAST_CELLS = 9
_FLAT = 0.95  # least |z| of the normal
_SAME_LEVEL = 0.015  # metres
_MOST_LEVELS = 8


@dataclass(frozen=True, eq=False)
class Support:
    """A flat level of a model, in the model's frame.

    Attributes:
        height: of the level, metres.
        clearance: (rows, columns) float32 free metres above the middle of each square of `CELL`;
            0 where there is no such level. Rows go along y, columns along x; the grid's middle
            is the origin.
    """

    height: float
    clearance: NDArray[np.float32]

    def spots(self, width: float, depth: float, height: float, *, scale: float) -> Array:
        """Middles of free rectangles of extents along x and y, for things of a height (metres).

        Returns:
            (N, 2) float64 x and y in the scaled model's frame.
        """
        cell = CELL * scale
        rows, columns = int(np.ceil(depth / cell)), int(np.ceil(width / cell))
        free = self.clearance * scale > height
        if rows > free.shape[0] or columns > free.shape[1]:
            return np.empty((0, 2))
        sums = np.pad(free.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
        inside = sums[rows:, columns:] - sums[:-rows, columns:]
        inside -= sums[rows:, :-columns] - sums[:-rows, :-columns]
        row, column = np.nonzero(inside == rows * columns)
        middle = np.stack([column + columns / 2, row + rows / 2], axis=1)
        return np.asarray((middle - np.array(free.shape[::-1]) / 2) * cell)


def find_supports(mesh: Mesh) -> list[Support]:
    """Levels of a mesh that can be reached from above or from its front (towards -y).

    Rays fall through the whole model: a shelf is a hit with free room below the hit above it.
    """
    import open3d as o3d

    caster: Any = o3d.t.geometry.RaycastingScene()  # its stubs know no numpy arrays
    caster.add_triangles(mesh.vertices, mesh.faces.astype(np.uint32))
    used = mesh.vertices[mesh.faces].reshape(-1, 3)
    columns, rows = np.maximum((np.ptp(used[:, :2], axis=0) / CELL).astype(int), 1)
    x, y = np.meshgrid(
        (np.arange(columns) - (columns - 1) / 2) * CELL, (np.arange(rows) - (rows - 1) / 2) * CELL
    )
    hits = _falling(caster, x.ravel(), y.ravel(), top=float(used[:, 2].max()))
    flat = np.abs(_normals(mesh)[hits.face, 2]) > _FLAT
    hits = hits.only(flat & (hits.clearance > _LEAST_CLEARANCE))
    hits = hits.only(_reachable(caster, hits, x.ravel(), y.ravel()))
    return _levels(hits, rows, columns)


@dataclass(frozen=True, eq=False)
class _Hits:
    """(N,) hits of falling rays."""

    cell: NDArray[np.int64]
    height: NDArray[np.float32]
    clearance: NDArray[np.float32]
    face: NDArray[np.int64]

    def only(self, chosen: NDArray[np.bool_]) -> _Hits:
        return _Hits(*(part[chosen] for part in vars(self).values()))


def _falling(caster: Any, x: Array, y: Array, *, top: float) -> _Hits:
    down = np.zeros((len(x), 6), np.float32)
    down[:, 0], down[:, 1], down[:, 2], down[:, 5] = x, y, top + 1, -1
    found = {name: value.numpy() for name, value in caster.list_intersections(down).items()}
    cell, height = found["ray_ids"].astype(np.int64), top + 1 - found["t_hit"]
    order = np.lexsort((-height, cell))
    cell, height = cell[order], height[order].astype(np.float32)
    clearance = np.full(len(cell), _OPEN, np.float32)
    below_another = cell[1:] == cell[:-1]
    clearance[1:][below_another] = (height[:-1] - height[1:])[below_another]
    return _Hits(cell, height, clearance, found["primitive_ids"].astype(np.int64)[order])


def _normals(mesh: Mesh) -> NDArray[np.float32]:
    a, b, c = mesh.vertices[mesh.faces].transpose(1, 0, 2)
    normals = np.cross(b - a, c - a)
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12))


def _reachable(caster: Any, hits: _Hits, x: Array, y: Array) -> NDArray[np.bool_]:
    """(N,) bool, whether levels are open towards the front; things on others are never seen."""
    rays = np.zeros((len(hits.cell), 6), np.float32)
    rays[:, 0], rays[:, 1] = x[hits.cell], y[hits.cell]
    rays[:, 2] = hits.height + np.minimum(hits.clearance, 0.2) / 2
    rays[:, 4] = -1
    closed = caster.test_occlusions(rays).numpy()
    return np.asarray((hits.clearance >= _OPEN) | ~closed)


def _levels(hits: _Hits, rows: int, columns: int) -> list[Support]:
    supports = []
    for _ in range(_MOST_LEVELS):
        if len(hits.cell) < _LEAST_CELLS:
            break
        bins = np.rint(hits.height / _SAME_LEVEL).astype(int)
        bins -= bins.min()
        counts = np.convolve(np.bincount(bins), (1, 1, 1), mode="same")
        best = np.abs(bins - counts.argmax()) <= 1
        if counts.max() < _LEAST_CELLS:
            break
        level = hits.only(best)
        clearance = np.zeros(rows * columns, np.float32)
        clearance[level.cell] = level.clearance
        supports.append(Support(float(np.median(level.height)), clearance.reshape(rows, columns)))
        hits = hits.only(~best)
    return supports
