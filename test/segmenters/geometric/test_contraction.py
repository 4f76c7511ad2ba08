"""Tests of the contraction of weighted graphs, against a simple one."""

from __future__ import annotations

import heapq

import numpy as np
import pytest

from seg3d_ros.scene import Float64, Int64
from seg3d_ros.segmenters.geometric.contraction import contract, join
from seg3d_ros.segmenters.geometric.surface import Int32

_TIES = (-3.0, -1.0, -0.05, 0.0, 0.0, 0.05, 0.1, 0.15, 1.0, 1.0, 2.0, 2.0, 3.0, 5.0)


def _contracted_simply(count: int, first: Int64, second: Int64, weight: Float64) -> Int32:
    """Components of the same contraction, made with dictionaries and Python's own heap."""
    around: list[dict[int, float]] = [{} for _ in range(count)]
    queue = []
    for a, b, w in zip(first.tolist(), second.tolist(), weight.tolist(), strict=True):
        around[a][b] = around[b][a] = w
        queue.append((-w, a, b))
    heapq.heapify(queue)
    parent = np.arange(count)
    while queue and queue[0][0] < 0:
        w, a, b = heapq.heappop(queue)
        if around[a].get(b) != -w:
            continue
        kept, gone = (a, b) if len(around[a]) >= len(around[b]) else (b, a)
        parent[gone] = kept
        del around[kept][gone], around[gone][kept]
        for other, extra in around[gone].items():
            total = around[kept].get(other, 0.0) + extra
            around[kept][other] = around[other][kept] = total
            del around[other][gone]
            heapq.heappush(queue, (-total, kept, other))
        around[gone] = {}
    merged = np.flatnonzero(parent != np.arange(count))
    return join(count, merged, parent[merged])


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs_with_many_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 60))
    ends = np.sort(rng.integers(0, count, (rng.integers(1, 300), 2)), axis=1)
    first, second = np.unique(ends[ends[:, 0] < ends[:, 1]], axis=0).T
    weight = rng.choice(_TIES, len(first))
    before = weight.copy()
    parts = contract(count, first, second, weight)
    np.testing.assert_array_equal(parts, _contracted_simply(count, first, second, weight))
    np.testing.assert_array_equal(weight, before)


def test_each_join_may_queue_more_edges_than_it_takes() -> None:
    first, second = np.triu_indices(60, 1)
    weight = np.ones(len(first))
    parts = contract(60, first, second, weight)
    np.testing.assert_array_equal(parts, _contracted_simply(60, first, second, weight))
    assert not parts.any()


def test_nothing_to_join() -> None:
    none = np.empty(0, np.int64)
    np.testing.assert_array_equal(contract(3, none, none, np.empty(0)), [0, 1, 2])
    one = np.array([0])
    np.testing.assert_array_equal(contract(2, one, one + 1, np.array([0.0])), [0, 1])
