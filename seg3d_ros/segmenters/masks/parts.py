"""Connected parts of masks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.sparse.csgraph import connected_components

from seg3d_ros.distinct import distinct
from seg3d_ros.masks import Masks
from seg3d_ros.scene import Bool, Float32, Instances, Int64
from seg3d_ros.segmenters.masks.overlaps import adjacency
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
        min_points: parts with fewer points are dropped.
    """
    if not len(instances):
        return instances
    cells, cell_of_point = np.unique(keys_of_points(points, cell), return_inverse=True)
    masks, rows = instances.masks.mask_of, instances.masks.rows
    places = masks * len(cells) + cell_of_point[rows]
    nodes = distinct(places)  # a cell of a mask
    graph = adjacency(*_touching(nodes, cells), len(nodes))
    count, part_of_node = connected_components(graph, directed=False)
    part = part_of_node[np.searchsorted(nodes, places)]
    large = np.bincount(part, minlength=count) >= min_points
    inside = large[part]
    number = np.cumsum(large) - 1
    pairs = number[part[inside]] * len(points) + rows[inside]
    mask_of_part = np.zeros(count, np.int64)
    mask_of_part[part_of_node] = nodes // len(cells)
    whole, embeddings = mask_of_part[large], instances.embeddings
    return replace(
        instances,
        masks=Masks.of_pairs(pairs, count=len(whole), width=len(points)),
        scores=instances.scores[whole],
        embeddings=None if embeddings is None else embeddings[whole],
    )


def _touching(nodes: Int64, cells: Int64) -> tuple[Int64, Int64]:
    """Pairs of nodes of one mask whose cubes share a face, an edge or a corner.

    Args:
        nodes: ascending, mask * len(cells) + row of a cell.
        cells: ascending keys.
    """
    firsts, seconds = [], []
    cell = nodes % len(cells)
    for step in _HALF_OF_NEIGHBORS:
        beside, known = _find(cells, cells + step)
        second, found = _find(nodes, nodes - cell + beside[cell])
        first = np.flatnonzero(known[cell] & found)
        firsts.append(first)
        seconds.append(second[first])
    return np.concatenate(firsts), np.concatenate(seconds)


def _find(ascending: Int64, wanted: Int64) -> tuple[Int64, Bool]:
    """Place of each wanted value, and whether it is there."""
    place = np.searchsorted(ascending, wanted)
    place[place == len(ascending)] = 0
    return place, ascending[place] == wanted
