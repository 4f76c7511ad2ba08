"""Overlapping masks made disjoint: every point goes to one segment at most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from seg3d_ros.masks import Int32
from seg3d_ros.scene import Float32, Float64, Instances, Int64

NOBODY = -1
_KEPT_SHARE = 0.5  # a mask that keeps less than this after better ones is their duplicate
_TYPICAL_M2 = 0.012  # surface of a mask at which half of its score counts: 30 voxels of 2 cm
_OTHER_MEANING = 0.2  # cosine of embeddings; parts resemble their whole more than this


class Segments(NamedTuple):
    """Disjoint segments of a scene of N points.

    Attributes:
        of_point: (N,) int32 segment of each point, NOBODY where there is none.
        masks: (S,) int64, the row of `Instances` each segment comes from.
        evidence: (S,) float64 in [0, 1], see `evidence`.
    """

    of_point: Int32
    masks: Int64
    evidence: Float64


def evidence(scores: Float32, sizes: Int64, voxel_size: float) -> Float64:
    """(S,) scores in [0, 1] less what a small surface leaves open; 0 if not finite.

    Small masks are parts of things, or nothing, more often than their scores say.

    Args:
        scores: (S,) of the masks.
        sizes: (S,) voxels.
        voxel_size: edge of a voxel, metres.
    """
    known: Float64 = np.nan_to_num(scores.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    surface = sizes * voxel_size**2
    return known * surface / (surface + _TYPICAL_M2)


def disjoint_segments(
    instances: Instances,
    *,
    min_voxels: int,
    voxel_size: float,
    favor: Float64 | None = None,
    inside: float = 1.0,
) -> Segments:
    """Give each point to the best of the masks that hold it.

    Masks are laid down from the one of most evidence to the one of least, the smaller one first
    where it is equal; each takes the points that are still free, and is left out when fewer than
    half of its points were (the inference of panoptic segmentation: Kirillov et al., CVPR 2019;
    Cheng et al., "Per-Pixel Classification is Not All You Need", 2021, section 3.4). A thing in
    or on another one, as a door in a wall, is cut out of it: see `_Layout.cut_out`.

    Args:
        instances: masks over N points.
        min_voxels: least size of a segment.
        voxel_size: edge of a voxel, metres.
        favor: (M,) added to the evidence when masks are ordered; None: nothing.
        inside: evidence, with favour, from which on a mask may be cut out of another.
    """
    rows_of_mask, sizes = instances.masks.rows_of_each(), instances.masks.sizes
    given = evidence(instances.scores, sizes, voxel_size)
    value = given if favor is None else given + favor
    layout = _Layout.empty(instances, max(min_voxels, 1))
    for mask in np.lexsort((sizes, -value)).tolist():
        rows = rows_of_mask[mask]
        free = rows[layout.of_point[rows] == NOBODY]
        if len(free) >= max(layout.min_voxels, _KEPT_SHARE * len(rows)):
            layout.add(mask, free)
        elif value[mask] >= inside and len(rows) >= layout.min_voxels:
            layout.cut_out(mask, rows)
    masks = np.array(layout.masks, np.int64)
    return Segments(layout.of_point, masks, given[masks])


@dataclass
class _Layout:
    """Segments laid down so far: owner of each point, masks and sizes."""

    instances: Instances
    min_voxels: int
    of_point: Int32
    masks: list[int]
    sizes: list[int]

    @classmethod
    def empty(cls, instances: Instances, min_voxels: int) -> _Layout:
        of_point = np.full(instances.masks.width, NOBODY, np.int32)
        return cls(instances, min_voxels, of_point, [], [])

    def add(self, mask: int, rows: Int32) -> None:
        """Give points that are nobody's to a new segment."""
        self.of_point[rows] = len(self.masks)
        self.masks.append(mask)
        self.sizes.append(len(rows))

    def cut_out(self, mask: int, rows: Int32) -> None:
        """Take a mask out of all that hold it, if it means something else and leaves them half."""
        embeddings = self.instances.embeddings
        if embeddings is None:
            return
        owners = self.of_point[rows]
        taken = np.bincount(owners[owners != NOBODY], minlength=len(self.masks))
        hosts = np.flatnonzero(taken)
        cosines = embeddings[np.array(self.masks)[hosts]] @ embeddings[mask]
        if (2 * taken > np.array(self.sizes)).any() or (cosines >= _OTHER_MEANING).any():
            return
        for host in hosts:
            self.sizes[host] -= int(taken[host])
        self.add(mask, rows)
