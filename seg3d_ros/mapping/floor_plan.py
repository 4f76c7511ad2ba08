"""Floor plan: a map as seen from above, divided into free floor, obstacles and the unknown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from seg3d_ros.scene import Bool, Float64, Int64, Scene

_CELL_M = 0.05
_FLOOR_M = 0.1  # voxels within this height of the floor are floor: rugs, door sills, noise
_SPECK = 2  # voxels that make a cell an obstacle, where it is larger than a voxel
_GAP_CELLS = 2  # holes of the floor up to twice as wide are closed: sensors leave some out
_STEPS = ((1, 0, 1.0), (0, 1, 1.0), (1, 1, 2**0.5), (1, -1, 2**0.5))  # to half of the neighbours


@dataclass(frozen=True, eq=False)
class FloorPlan:
    """Cells of a level floor.

    Attributes:
        free: (W, H) bool by x and y, floor that was seen with nothing above it.
        corner: (2,) float64 lower corner of cell (0, 0), map frame, metres.
        height: of the floor, map frame, metres.
        cell: edge of a cell, metres.
    """

    free: Bool
    corner: Float64
    height: float
    cell: float

    def places(self, cells: Int64) -> Float64:
        """Middles (K, 2) of (K, 2) cells, map frame, metres."""
        return self.corner + (cells + 0.5) * self.cell

    def clearance(self) -> Float64:
        """(W, H) distance from the middles of cells to the nearest that is not free, metres."""
        padded = np.pad(self.free, 1)  # beyond the plan nothing was seen
        distance: Float64 = ndimage.distance_transform_edt(padded)[1:-1, 1:-1]
        return np.maximum(distance - 0.5, 0) * self.cell

    def path_lengths(self, fits: Bool, start: Int64) -> Float64:
        """(W, H) length of the shortest path from a cell over cells that a robot fits in, metres.

        Paths go in eight directions, so that they are up to 8 % too long; infinite: there is none.

        Args:
            fits: (W, H) cells that the robot's centre may be in.
            start: (2,) one of them.
        """
        number = np.full(fits.shape, -1, np.int64)
        number[fits] = np.arange(np.count_nonzero(fits))
        edges, weights = [], []
        for dx, dy, length in _STEPS:
            here, there = _shifted(number, dx, dy)
            passable = (here >= 0) & (there >= 0)
            edges.append(np.stack([here[passable], there[passable]]))
            weights.append(np.full(np.count_nonzero(passable), length * self.cell))
        count = int(number.max()) + 1
        rows, columns = np.concatenate(edges, axis=1)
        graph = csr_matrix((np.concatenate(weights), (rows, columns)), shape=(count, count))
        lengths = np.full(fits.shape, np.inf)
        lengths[fits] = dijkstra(graph, directed=False, indices=number[tuple(start)])
        return lengths


def floor_plan(scene: Scene, floor: float, *, robot_height: float) -> FloorPlan:
    """Plan of a scene.

    Args:
        scene: with one point at least.
        floor: its height, map frame, metres.
        robot_height: what hangs higher above the floor is in nobody's way, metres.
    """
    cell = max(_CELL_M, scene.voxel_size)
    height = scene.points[:, 2] + (scene.origin[2] - floor)
    level = np.abs(height) <= _FLOOR_M
    in_the_way = (height > _FLOOR_M) & (height < robot_height)
    cells = np.floor(scene.points[:, :2] / cell).astype(np.int64)
    low = cells.min(axis=0)
    shape = cells.max(axis=0) - low + 1
    flat = np.ravel_multi_index(tuple((cells - low).T), shape)

    def counted(chosen: Bool) -> Int64:
        return np.bincount(flat[chosen], minlength=int(shape.prod())).reshape(shape)

    occupied = counted(in_the_way) >= (_SPECK if scene.voxel_size < cell else 1)
    around = np.pad(counted(level) > 0, _GAP_CELLS)
    closed = ndimage.binary_closing(around, iterations=_GAP_CELLS)
    seen = closed[_GAP_CELLS:-_GAP_CELLS, _GAP_CELLS:-_GAP_CELLS]
    corner = scene.grid.map_from_local(np.array([*(low * cell), 0.0]))[:2]
    return FloorPlan(seen & ~occupied, corner, floor, cell)


def _shifted(number: Int64, dx: int, dy: int) -> tuple[Int64, Int64]:
    """Entries of a grid, and those one step away from them; dx is 0 or 1, dy -1 to 1."""
    width, height = number.shape
    here = number[: width - dx, max(0, -dy) : height - max(0, dy)]
    there = number[dx:, max(0, dy) : height - max(0, -dy)]
    return here, there
