"""Connected parts of masks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.sparse.csgraph import connected_components

from seg3d_ros.scene import Float32, Instances, Int64
from seg3d_ros.segmenters.masks.mask_matrix import adjacency
from seg3d_ros.sparse.voxel_keys import key_step, keys_of_points

_HALF_OF_NEIGHBORS = [
    key_step(x, y, z)
    for x in (-1, 0, 1)
    for y in (-1, 0, 1)
    for z in (-1, 0, 1)
    if (x, y, z) > (0, 0, 0)
]


def split_parts(
    instances: Instances, points: Float32, *, cell: float, min_points: int = 1
) -> Instances:
    """Make every connected part of a mask an instance with the mask's score and embedding.

    Connected are points in the same cube of edge `cell`, or in two that touch: DBSCAN with one
    point for a core, on a grid. Parts less than `cell` apart always stay together.

    Args:
        instances: masks over N points.
        points: (N, 3) metres.
        cell: edge of a cube, metres.
        min_points: parts with fewer points are dropped before they take any memory.
    """
    if not len(instances):
        return instances
    cells, cell_of_point = np.unique(keys_of_points(points, cell), return_inverse=True)
    # Of a matrix nonzero takes ten times as long.
    masks, rows = np.divmod(np.flatnonzero(instances.masks), len(points))
    nodes = masks * len(cells) + cell_of_point[rows]  # a cell of a mask
    occupied = np.zeros((len(instances), len(cells)), np.bool_)
    occupied.reshape(-1)[nodes] = True
    first, second = _touching(cells)
    mask, edge = np.nonzero(occupied[:, first] & occupied[:, second])
    start = mask * len(cells)
    graph = adjacency(start + first[edge], start + second[edge], occupied.size)
    _, part_of_node = connected_components(graph, directed=False)
    _, firsts, part, sizes = np.unique(
        part_of_node[nodes], return_index=True, return_inverse=True, return_counts=True
    )
    large = sizes >= min_points
    row = np.cumsum(large) - 1
    inside = large[part]
    parts = np.zeros((np.count_nonzero(large), len(points)), np.bool_)
    parts[row[part[inside]], rows[inside]] = True
    whole, embeddings = masks[firsts[large]], instances.embeddings
    return replace(  # `select` would copy masks, GB of them in a scan of a flat
        instances,
        masks=parts,
        scores=instances.scores[whole],
        embeddings=None if embeddings is None else embeddings[whole],
    )


def _touching(cells: Int64) -> tuple[Int64, Int64]:
    """Pairs of rows of sorted keys whose cubes share a face, an edge or a corner."""
    firsts, seconds = [], []
    for step in _HALF_OF_NEIGHBORS:
        place = np.searchsorted(cells, cells + step)
        place[place == len(cells)] = 0
        found = np.flatnonzero(cells[place] == cells + step)
        firsts.append(found)
        seconds.append(place[found])
    return np.concatenate(firsts), np.concatenate(seconds)
