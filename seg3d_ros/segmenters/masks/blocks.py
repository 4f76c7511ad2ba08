"""Blocks of scenes too large for a network: overlapping cuts, joined by their masks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from seg3d_ros.distinct import distinct
from seg3d_ros.masks import Masks
from seg3d_ros.scene import Float32, Instances, Int64, no_instances
from seg3d_ros.segmenters.masks.overlaps import adjacency, find_overlaps, mask_matrix

logger = logging.getLogger(__name__)

MARGIN_M = 1.0  # a block sees this much beyond its own part; most objects cut there are whole
SAME_IOU = 0.5  # above it, of disjoint masks only one can be the same
SMALLEST_BLOCK = 2_000  # points; who has no memory for these has none for the network


class BlockTooLargeError(MemoryError):
    """The memory of the device did not suffice."""


@dataclass(frozen=True, eq=False)
class BlockResult:
    """Instances of a block.

    Attributes:
        rows: (n,) ascending rows of the block's points in the scene.
        instances: masks over these points.
    """

    rows: Int64
    instances: Instances


def segment_blocks(
    points: Float32, segment: Callable[[Int64], Instances], *, limit: int
) -> tuple[Instances, int]:
    """Segment a scene of any size; where memory runs out, in smaller blocks.

    Args:
        points: (N, 3) metres, N >= 1.
        segment: instances of the points in these rows, masks over them; raises
            `BlockTooLargeError`.
        limit: points of a block at most.

    Returns:
        Instances with masks over all points, and the limit that worked.

    Raises:
        BlockTooLargeError: there is not even memory for the smallest block.
    """
    pending = cut_blocks(points, limit=limit)
    results = []
    while pending:
        rows = pending.pop()
        try:
            results.append(BlockResult(rows, segment(rows)))
        except BlockTooLargeError:
            if len(rows) <= SMALLEST_BLOCK:
                raise
            limit = max(len(rows) // 2, SMALLEST_BLOCK)
            logger.warning(
                "no memory for %d points at once; going on with blocks of %d", len(rows), limit
            )
            pending += [rows[part] for part in cut_blocks(points[rows], limit=limit)]
    return merge_blocks(len(points), results), limit


def cut_blocks(points: Float32, *, limit: int, margin: float = MARGIN_M) -> list[Int64]:
    """Rows of overlapping blocks that together hold all points.

    The part of a block that is its own is halved along its longest side until the block, with
    `margin` metres around that part, holds at most `limit` points. Parts shorter than four
    margins get a narrower one, so that there is an end to it.
    """
    if len(points) <= limit:
        return [np.arange(len(points))]
    blocks, parts = [], [np.arange(len(points))]
    while parts:
        part = parts.pop()
        low, high = points[part].min(axis=0), points[part].max(axis=0)
        axis = int(np.argmax(high - low))
        around = min(margin, float(high[axis] - low[axis]) / 4)
        inside = ((points >= low - around) & (points <= high + around)).all(axis=1)
        if np.count_nonzero(inside) <= limit or len(part) < 2:
            blocks.append(np.flatnonzero(inside))
            continue
        order = part[np.argsort(points[part, axis], kind="stable")]
        parts += [order[len(order) // 2 :], order[: len(order) // 2]]
    return blocks


def merge_blocks(count: int, results: Sequence[BlockResult]) -> Instances:
    """Instances of a scene of `count` points from those of its blocks.

    Masks of two blocks are one object when they agree, with an intersection over union above
    `SAME_IOU`, on the points that both blocks hold. Their union gets the mean score and the mean
    embedding, weighted by points.
    """
    if len(results) == 1 and len(results[0].rows) == count:
        return results[0].instances
    results = [r for r in results if len(r.instances)]
    if not results:
        return no_instances(count)
    masks = Masks.concatenate([r.instances.masks.placed(r.rows, count) for r in results])
    groups, group = connected_components(_same(masks, results), directed=False)
    sizes = masks.sizes.astype(np.float32)
    members = csr_array((sizes, (group, np.arange(len(group)))))  # (groups, M), weights
    weights = np.maximum(np.asarray(members.sum(axis=1)).ravel(), 1e-9)
    union = distinct(group[masks.mask_of].astype(np.int64) * count + masks.rows)
    scores = np.concatenate([r.instances.scores for r in results])
    embeddings = _mean_embeddings(members, results)
    return Instances(
        Masks.of_pairs(union, count=groups, width=count),
        (members @ scores / weights).astype(np.float32),
        embeddings,
        None if embeddings is None else results[0].instances.embedding_space,
    )


def _same(masks: Masks, results: Sequence[BlockResult]) -> csr_array:
    """(M, M) graph of the masks of different blocks that are one object."""
    block = np.repeat(np.arange(len(results)), [len(r.instances) for r in results])
    blocks = Masks.of_rows([r.rows for r in results], masks.width)
    in_block = (mask_matrix(masks) @ mask_matrix(blocks).T).toarray()  # (M, blocks) points
    first, second, shared = find_overlaps(masks)
    union = in_block[first, block[second]] + in_block[second, block[first]] - shared
    same = (shared > SAME_IOU * union) & (block[first] != block[second])
    return adjacency(first[same], second[same], len(masks))


def _mean_embeddings(members: csr_array, results: Sequence[BlockResult]) -> Float32 | None:
    known = [r.instances.embeddings for r in results]
    embeddings = [vectors for vectors in known if vectors is not None]
    if len(embeddings) < len(known):
        return None
    mean = members @ np.concatenate(embeddings)
    length = np.linalg.norm(mean, axis=1, keepdims=True)
    return np.asarray(mean / np.maximum(length, 1e-9), np.float32)
