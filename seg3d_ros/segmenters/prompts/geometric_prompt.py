"""Clicks answered from shape alone: the part, or the plane, under the click."""

from __future__ import annotations

import heapq
import threading
import weakref

import numpy as np

from seg3d_ros.kernels import kernel
from seg3d_ros.scene import Bool, Float32, Int64, Scene
from seg3d_ros.segmenters.geometric.decomposition import Decomposition, decompose
from seg3d_ros.segmenters.geometric.settings import GeometricSettings
from seg3d_ros.segmenters.geometric.surface import dot, square_distance
from seg3d_ros.segmenters.prompts.clicks import check_clicks, clicked_voxels
from seg3d_ros.segmenters.segmenter import PromptResult

REACH_M = 3.0  # the answer ends at this distance from the nearest foreground click
BEND_COST = 4.0  # a step around a right angle is as long as 1 + this many straight ones


class GeometricPrompt:
    """Finds the smooth or convex region under the clicks.

    The decomposition of the last scene is kept as long as the scene itself, so that a second click
    into the same snapshot costs next to nothing.

    Threads: `segment_at` may be called from any thread; one lock guards the kept decomposition and
    makes a second caller wait for the first.
    """

    name = "geometric"

    def __init__(self, settings: GeometricSettings | None = None) -> None:
        self.settings = settings or GeometricSettings()
        self._lock = threading.Lock()
        self._kept: weakref.WeakKeyDictionary[Scene, Decomposition] = weakref.WeakKeyDictionary()

    def segment_at(self, scene: Scene, points: Float32, foreground: Bool) -> PromptResult:
        """The parts under the foreground clicks, less what is nearer to a background click.

        A click on a floor, wall or table top means that plane. Background clicks into the open
        exclude nothing. Shapes and errors: see `PromptSegmenter`.
        """
        check_clicks(points, foreground)
        rows = clicked_voxels(scene, points, foreground)
        seeds, excluded = rows[foreground], rows[~foreground & (rows >= 0)]
        decomposition = self._decompose(scene)
        region = _region(
            decomposition, decomposition.row_of[seeds], decomposition.row_of[excluded]
        )
        return PromptResult(region[decomposition.row_of])

    def _decompose(self, scene: Scene) -> Decomposition:
        with self._lock:
            decomposition = self._kept.get(scene)
            if decomposition is None:
                decomposition = decompose(scene, self.settings)
                self._kept.clear()  # one scene is enough
                self._kept[scene] = decomposition
            return decomposition


def _region(decomposition: Decomposition, seeds: Int64, excluded: Int64) -> Bool:
    """Voxels of the parts and planes under the seeds, (N,) bool in key order."""
    part_of, plane_of = decomposition.part_of, decomposition.planes.plane_of
    region: Bool = np.isin(part_of, part_of[seeds][part_of[seeds] >= 0])
    region |= np.isin(plane_of, plane_of[seeds][plane_of[seeds] >= 0])
    in_reach = np.zeros(len(region), np.bool_)
    for center in decomposition.surface.points[seeds]:
        offset = decomposition.surface.points - center
        in_reach |= np.einsum("ij,ij->i", offset, offset) <= REACH_M**2
    region &= in_reach
    excluded = excluded[region[excluded]]
    if not len(excluded):
        return region
    surface = decomposition.surface
    won: Bool = _share_out(surface, decomposition.normals, region, seeds, excluded)
    return won


@kernel
def _share_out(surface, normals, region, seeds, excluded):  # type: ignore[no-untyped-def]
    """Voxels of the region whose shortest way over the surface leads to a seed, (N,) bool.

    Dijkstra's algorithm from all clicks at once. Ways around bends are longer, so that the border
    settles on edges and creases between the clicks.
    """
    cost = np.full(region.size, np.inf)
    won = np.zeros(region.size, np.bool_)
    queue = [(0.0, np.int64(seeds[0]))]
    for seed in seeds:
        cost[seed], won[seed] = 0.0, True
        heapq.heappush(queue, (0.0, np.int64(seed)))
    for seed in excluded:
        cost[seed] = 0.0
        heapq.heappush(queue, (0.0, np.int64(seed)))
    while len(queue) > 0:
        so_far, i = heapq.heappop(queue)
        if so_far > cost[i]:
            continue
        for at in range(surface.starts[i], surface.starts[i + 1]):
            j = surface.neighbors[at]
            if not region[j]:
                continue
            bend = 1.0 + BEND_COST * (1.0 - dot(normals, i, normals, j))
            total = so_far + np.sqrt(square_distance(surface.points, i, j)) * bend
            if total < cost[j]:
                cost[j], won[j] = total, won[i]
                heapq.heappush(queue, (total, np.int64(j)))
    return won
