"""Tiles: the points of a scene in cubes that are sent to a page one by one."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from seg3d_ros.scene import Float32, Int64, UInt8

Float16 = npt.NDArray[np.float16]

MAX_TILES = 1000  # a page draws each by itself
POINT_BYTES, COLOR_BYTES = 9, 3  # of a point on the wire: three float16 and its colour
_SMALLEST_M = 1.0  # edge of a tile; float16 resolves half a millimetre in it
_DIGEST_BYTES = 8


@dataclass(frozen=True, eq=False)
class TileGrid:
    """Partition of a scene into tiles.

    Attributes:
        edge: of a tile, metres.
        cells: (T, 3) int64 of the tiles; a tile begins at its cell times the edge.
        order: (N,) rows of the scene, tile by tile.
        starts: (T + 1,) where the rows of each tile begin in `order`.
    """

    edge: float
    cells: Int64
    order: Int64
    starts: Int64

    @cached_property
    def centers(self) -> Float32:
        """(T, 3) middles of the tiles, local coordinates, metres."""
        return ((self.cells + 0.5) * self.edge).astype(np.float32)


def tile_grid(points: Float32) -> TileGrid:
    """Cut (N, 3) points into at most MAX_TILES tiles, larger ones if need be."""
    edge = _SMALLEST_M
    while True:
        cell = np.floor(points / np.float32(edge)).astype(np.int64)
        low = cell.min(axis=0, initial=0)
        spans = cell.max(axis=0, initial=0) - low + 1
        key = np.ravel_multi_index(tuple((cell - low).T), tuple(spans))
        order = np.argsort(key, kind="stable")
        found, starts = np.unique(key[order], return_index=True)
        if len(found) <= MAX_TILES:
            break
        edge *= 2
    cells = np.stack(np.unravel_index(found, tuple(spans)), axis=1) + low
    return TileGrid(edge, cells, order, np.append(starts, len(points)))


class TiledCloud:
    """Points of a scene and their colours, ready to be sent.

    Attributes:
        grid: the tiles.
        voxel_size: edge of a voxel, metres.
        geometry: digest of the points of each tile; equal ones need not be sent again.
        shades: digest of the colours of each tile.
    """

    def __init__(self, points: Float32, voxel_size: float) -> None:
        """Cut (N, 3) points, local coordinates, metres; `paint` gives them colours."""
        self.grid = tile_grid(points)
        self.voxel_size = voxel_size
        self._points = points[self.grid.order]
        middles = np.repeat(self.grid.centers, np.diff(self.grid.starts), axis=0)
        self._near = (self._points - middles).astype(np.float16)
        self._levels: dict[tuple[int, int], Int64] = {}
        self.geometry = self._digests(self._near)
        self._colors = np.zeros((len(points), 3), np.uint8)
        self.shades = self.geometry

    def painted(self, colors: UInt8) -> TiledCloud:
        """The cloud in other colours, (N, 3) RGB in the order of the scene."""
        cloud = object.__new__(TiledCloud)
        cloud.__dict__.update(self.__dict__)
        cloud._colors = colors[self.grid.order]
        cloud.shades = cloud._digests(cloud._colors)
        return cloud

    def __len__(self) -> int:
        """Number of tiles."""
        return len(self.grid.cells)

    def sizes(self) -> Int64:
        """(T,) number of points of each tile."""
        return np.diff(self.grid.starts)

    def rows(self, tile: int, level: int, ceiling: float) -> Int64:
        """Points of a tile that are shown.

        Args:
            tile: its number.
            level: 0: all; each further one doubles the edge of the cells that show one point.
            ceiling: points above this height, metres, are left out.
        """
        rows = self._levels.get((tile, level))
        if rows is None:
            rows = self._levels[tile, level] = self._thinned(tile, level)
        heights = self._points[rows, 2]
        return rows[heights <= ceiling]

    def near(self, rows: Int64) -> Float16:
        """(K, 3) positions relative to the center of their tile, metres."""
        return self._near[rows]

    def colors(self, rows: Int64) -> UInt8:
        """(K, 3) RGB."""
        return self._colors[rows]

    def _thinned(self, tile: int, level: int) -> Int64:
        first, end = self.grid.starts[tile], self.grid.starts[tile + 1]
        if level == 0:
            return np.arange(first, end)
        cell = np.floor(self._points[first:end] / (self.voxel_size * 2**level)).astype(np.int64)
        cell -= cell.min(axis=0)
        key = np.ravel_multi_index(tuple(cell.T), tuple(cell.max(axis=0) + 1))
        return first + np.sort(np.unique(key, return_index=True)[1])

    def _digests(self, values: npt.NDArray[np.generic]) -> list[bytes]:
        starts = self.grid.starts
        return [
            hashlib.blake2b(values[a:b].tobytes(), digest_size=_DIGEST_BYTES).digest()
            for a, b in itertools.pairwise(starts)
        ]
