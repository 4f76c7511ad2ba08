"""Greedy additive edge contraction: a heuristic for multicuts of weighted graphs.

Keuper et al., "Efficient decomposition of image and mesh graphs by lifted multicuts" (ICCV 2015).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from seg3d_ros.kernels import kernel
from seg3d_ros.scene import Float64, Int64
from seg3d_ros.segmenters.geometric.surface import Int32


class _Graph(NamedTuple):
    """N nodes with their edges in linked lists; edge e has the ends 2 e and 2 e + 1.

    Attributes:
        weights: (E,) of the edges.
        nodes: (2 E,) node of each end, -1 of edges that are gone.
        following: (2 E,) next end at the same node, -1 for none.
        firsts: (N,) first end at each node, -1 for none.
        degrees: (N,) edges of each node.
    """

    weights: Float64
    nodes: Int64
    following: Int64
    firsts: Int64
    degrees: Int64


def contract(count: int, first: Int64, second: Int64, weight: Float64) -> Int32:
    """Join the two nodes with the greatest weight between them until none is positive.

    The weights between a joined pair and a third node add up.

    Args:
        count: of the nodes, N.
        first: (E,) one end of each edge; pairs are ascending and unique.
        second: (E,) the other end, a larger number.
        weight: (E,).

    Returns:
        (N,) component of each node, numbered in the order of their first nodes.
    """
    nodes = np.stack([first, second], axis=1).ravel()
    graph = _Graph(
        weights=weight.copy(),
        nodes=nodes,
        following=np.empty(len(nodes), np.int64),
        firsts=np.full(count, -1),
        degrees=np.bincount(nodes, minlength=count),
    )
    positive = np.flatnonzero(weight > 0.0)
    queue = positive[np.argsort(-weight[positive], kind="stable")]  # sorted, so it is a heap
    parent = np.arange(count)
    _contract(graph, weight[queue], (first * count + second)[queue], parent)
    merged = np.flatnonzero(parent != np.arange(count))
    return join(count, merged, parent[merged])


def join(count: int, first: Int64, second: Int64) -> Int32:
    """Connected components of a graph of `count` nodes, (count,) int32."""
    graph = sparse.coo_matrix((np.ones(len(first), np.int8), (first, second)), (count, count))
    components: Int32 = csgraph.connected_components(graph, directed=False)[1]
    return components


@kernel
def _contract(graph, weights, pairs, parent):  # type: ignore[no-untyped-def]
    """Write the node that each is joined to.

    Args:
        graph: with empty lists.
        weights: heap of edges, the greatest weight first, then the lowest pair.
        pairs: a N + b for the nodes of each.
        parent: (N,) each node itself.
    """
    count, size = parent.size, weights.size
    for end in range(graph.nodes.size):
        graph.following[end] = graph.firsts[graph.nodes[end]]
        graph.firsts[graph.nodes[end]] = end
    while size > 0:
        weight, a, b = weights[0], pairs[0] // count, pairs[0] % count
        size -= 1
        _sift_down(weights, pairs, size)
        end = _find_end(graph, a, b)
        if end < 0 or graph.weights[end >> 1] != weight:
            continue  # it changed, or is gone, since it was queued
        kept, gone = a, b
        if graph.degrees[a] < graph.degrees[b]:
            kept, gone = b, a
        parent[gone] = kept
        graph.nodes[end] = graph.nodes[end ^ 1] = -1
        graph.degrees[kept] -= 1
        end = graph.firsts[gone]
        while end >= 0:
            following, other = graph.following[end], graph.nodes[end ^ 1]
            if other >= 0:
                edge = _move(graph, end, kept)
                if graph.weights[edge] > 0.0:
                    if size == weights.size:
                        weights, pairs = _with_room(weights, pairs)
                    weights[size], pairs[size] = graph.weights[edge], kept * count + other
                    _sift_up(weights, pairs, size)
                    size += 1
            end = following


@kernel(inline="always")
def _move(graph, end, kept):  # type: ignore[no-untyped-def]
    """Let an edge end at another node; returns it, or the edge there that it is now part of."""
    other = graph.nodes[end ^ 1]
    there = _find_end(graph, kept, other)
    if there >= 0:
        graph.weights[there >> 1] += graph.weights[end >> 1]
        graph.nodes[end] = graph.nodes[end ^ 1] = -1
        graph.degrees[other] -= 1
        return there >> 1
    graph.nodes[end] = kept
    graph.following[end] = graph.firsts[kept]
    graph.firsts[kept] = end
    graph.degrees[kept] += 1
    return end >> 1


@kernel
def _find_end(graph, a, b):  # type: ignore[no-untyped-def]
    """End of the edge between two nodes, -1 for none; forgets those that are gone on the way.

    Looking at the node with fewer edges takes a few steps on average where the graph is sparse
    everywhere, as one of a surface is, however many edges some nodes have.
    """
    if graph.degrees[b] < graph.degrees[a]:
        a, b = b, a
    before, end = -1, graph.firsts[a]
    while end >= 0:
        if graph.nodes[end] == a:
            if graph.nodes[end ^ 1] == b:
                return end
            before = end
        elif before < 0:
            graph.firsts[a] = graph.following[end]
        else:
            graph.following[before] = graph.following[end]
        end = graph.following[end]
    return end


@kernel(inline="always")
def _sift_down(weights, pairs, size):  # type: ignore[no-untyped-def]
    """Put the entry at `size` in the place of the first of a heap."""
    at, child = 0, 1
    while child < size:
        if child + 1 < size and _is_before(weights, pairs, child + 1, child):
            child += 1
        if not _is_before(weights, pairs, child, size):
            break
        weights[at], pairs[at] = weights[child], pairs[child]
        at, child = child, 2 * child + 1
    weights[at], pairs[at] = weights[size], pairs[size]


@kernel(inline="always")
def _sift_up(weights, pairs, at):  # type: ignore[no-untyped-def]
    """Let the last entry of a heap rise to its place."""
    weight, pair = weights[at], pairs[at]
    while at > 0 and _is_before(weights, pairs, at, (at - 1) >> 1):
        up = (at - 1) >> 1
        weights[at], pairs[at] = weights[up], pairs[up]
        weights[up], pairs[up] = weight, pair
        at = up


@kernel(inline="always")
def _is_before(weights, pairs, a, b):  # type: ignore[no-untyped-def]
    return weights[a] > weights[b] or (weights[a] == weights[b] and pairs[a] < pairs[b])


@kernel(inline="always")
def _with_room(weights, pairs):  # type: ignore[no-untyped-def]
    """Copies of both with as many free places at the end."""
    more_weights, more_pairs = np.empty(2 * weights.size), np.empty(2 * pairs.size, np.int64)
    for k in range(weights.size):
        more_weights[k], more_pairs[k] = weights[k], pairs[k]
    return more_weights, more_pairs
