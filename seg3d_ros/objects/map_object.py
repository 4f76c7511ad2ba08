"""Object in the map, as the outside of the tracker sees it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from seg3d_ros.objects.box import Box, voxel_box
from seg3d_ros.objects.elements import Elements
from seg3d_ros.objects.embedding import Embedding
from seg3d_ros.scene import Float32, Float64, Int64, MapGrid
from seg3d_ros.text.vocabulary import Candidate

UNLABELLED = "object"  # shown where neither a person nor the vocabulary has a word


@dataclass(frozen=True, eq=False)
class MapObject:
    """One object of the map; never changed, only replaced by a newer one with the same id.

    Attributes:
        id: 1 to 2**32 - 1, never reused; 0 while the object is not confirmed.
        element_ids: (K,) int64, ascending, K >= 1. No element belongs to two confirmed objects.
        points: (K, 3) float32 where the elements were last seen, local coordinates, metres.
        box: upright box around the voxels, map frame.
        centroid: (3,) float64 mean of the voxel centers, map frame, metres.
        score: the segmenter's confidence that this is one whole object, in [0, 1].
        first_seen_ns: stamp of the map when the object was first segmented.
        last_seen_ns: the same, last time.
        views: number of segmentations that showed it.
        embeddings: by the name of their space; segmenters, clicks and images add to them.
        candidates: labels of the vocabulary that fit best, best first; empty without an embedding
            of its space.
        prompted: made, refined or locked by a person; automatic segmentation leaves its voxels
            alone.
        pinned_label: name a person gave it, or None.
        deleted: by a person. The outside does not see it; it keeps its voxels, so that it does not
            come back.
        restored: read from a map file, and not measured since.
    """

    id: int
    element_ids: Int64
    points: Float32
    box: Box
    centroid: Float64
    score: float
    first_seen_ns: int
    last_seen_ns: int
    views: int = 1
    embeddings: Mapping[str, Embedding] = field(default_factory=dict)
    candidates: tuple[Candidate, ...] = ()
    prompted: bool = False
    pinned_label: str | None = None
    deleted: bool = False
    restored: bool = False

    @property
    def by_hand(self) -> bool:
        """Whether a person had a part in it: automatic passes neither merge nor forget it."""
        return self.prompted or self.deleted or self.pinned_label is not None

    @property
    def label(self) -> str:
        """The name given by a person, else the vocabulary's best, else "object"."""
        if self.pinned_label is not None:
            return self.pinned_label
        return self.candidates[0].label if self.candidates else UNLABELLED

    @property
    def elements(self) -> Elements:
        """Its elements of the map."""
        return Elements(self.element_ids, self.points)

    def __len__(self) -> int:
        return len(self.element_ids)


def with_elements(known: MapObject, elements: Elements, grid: MapGrid) -> MapObject:
    """Copy with other elements, its box and centroid computed anew."""
    ids, points = elements
    box, centroid = voxel_box(points, grid)
    return dataclasses.replace(known, element_ids=ids, points=points, box=box, centroid=centroid)


def with_candidates(known: MapObject, candidates: tuple[Candidate, ...]) -> MapObject:
    """Copy with other labels."""
    # dataclasses.replace takes three times as long, and a new vocabulary renames everything.
    return MapObject(**(vars(known) | {"candidates": candidates}))


def voxel_iou(one: MapObject, other: MapObject) -> float:
    """Intersection over union of the voxels of two objects of maps with one grid."""
    reach = np.linalg.norm(one.box.size) + np.linalg.norm(other.box.size)
    if 2 * np.linalg.norm(one.box.center - other.box.center) > reach:
        return 0.0
    shared = len(np.intersect1d(one.element_ids, other.element_ids, assume_unique=True))
    return shared / (len(one) + len(other) - shared)
