"""The geometric segmenter: objects from shape alone, without weights, words or colours.

Dominant planes are removed, the rest is cut into supervoxels, and supervoxels are joined where the
surface between them is smooth or convex. It is the baseline that learned models are compared
with. Gravity, the sensor's position and the order of the points play no part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seg3d_ros.masks import Masks, rows_by_label
from seg3d_ros.scene import Bool, Float32, Float64, Instances, Int64, Scene
from seg3d_ros.segmenters.geometric.convexity import find_contacts
from seg3d_ros.segmenters.geometric.decomposition import Decomposition, decompose
from seg3d_ros.segmenters.geometric.furniture_faces import ROOM_AREA
from seg3d_ros.segmenters.geometric.point_blocks import PointBlocks
from seg3d_ros.segmenters.geometric.settings import GeometricSettings

RELIEF = 1.5  # plane thicknesses; flat parts that rise less are debris of the plane
ROOM_RELIEF_M = 0.1  # of floors and walls, where pose errors put second sheets beside the first
MOSTLY = 0.9  # of the voxels of a part
STRIP_WIDTH = 4.0  # voxels
PARALLEL = 0.85  # mean cosine between the normals of such a part and of the plane
_BLOCK = 12.0  # voxels
TYPICAL_VOXELS = 60  # size at which half of the score for being well observed is reached


class GeometricSegmenter:
    """Class-agnostic instances from planes and convexity.

    Threads: `segment` may be called from any thread; kernels are serial and release the GIL.
    """

    name = "geometric"
    embedding_space = None
    device = "cpu"

    def __init__(self, settings: GeometricSettings | None = None) -> None:
        self.settings = settings or GeometricSettings()

    def segment(self, scene: Scene) -> Instances:
        """Disjoint masks of the objects, best score first; no embeddings.

        The score is the geometric mean of three shares in [0, 1]: how well the object was
        observed (n / (n + 60) for n voxels), how well it is separated (n / (n + c) for c pairs of
        voxels that touch another object) and how compact it is (the root of its second over its
        first principal extent).
        """
        decomposition = decompose(scene, self.settings)
        parts = _measure(decomposition)
        scores = parts.scores()
        kept = np.flatnonzero(_is_object(decomposition, parts, self.settings))
        kept = kept[np.argsort(-scores[kept], kind="stable")][: self.settings.max_instances]
        return Instances(_masks(decomposition, kept), scores[kept])


@dataclass(frozen=True, eq=False)
class _Parts:
    """Measurements of the P parts of a decomposition.

    Attributes:
        sizes: (P,) voxels.
        extents: (P, 3) full lengths along the principal axes, longest first, metres; exact for
            boxes filled evenly.
        contact: (P,) voxel pairs that touch another part.
    """

    sizes: Float64
    extents: Float64
    contact: Float64

    def scores(self) -> Float32:
        observed = self.sizes / (self.sizes + TYPICAL_VOXELS)
        separated = self.sizes / (self.sizes + self.contact)
        compact = np.sqrt(self.extents[:, 1] / np.maximum(self.extents[:, 0], 1e-9))
        return np.cbrt(observed * separated * compact).astype(np.float32)


def _measure(decomposition: Decomposition) -> _Parts:
    rows = np.flatnonzero(decomposition.part_of >= 0)
    own, points = decomposition.part_of[rows], decomposition.surface.points[rows]
    sizes = np.bincount(own).astype(np.float64)
    count = len(sizes)

    def mean(values: Float64) -> Float64:
        return np.bincount(own, values, minlength=count) / sizes

    center = np.stack([mean(points[:, axis]) for axis in range(3)], axis=1).reshape(count, 3)
    offset = points - center[own]
    covariance = np.empty((count, 3, 3))
    for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)):
        covariance[:, i, j] = covariance[:, j, i] = mean(offset[:, i] * offset[:, j])
    variance = np.maximum(np.linalg.eigvalsh(covariance)[:, ::-1], 0.0)
    contacts = find_contacts(decomposition.surface, decomposition.part_of)
    contact = np.bincount(contacts.first, contacts.count, minlength=count).astype(np.float64)
    contact += np.bincount(contacts.second, contacts.count, minlength=count)
    return _Parts(sizes, np.sqrt(12.0 * variance), contact)


def _is_object(decomposition: Decomposition, parts: _Parts, settings: GeometricSettings) -> Bool:
    """Large enough, not too large, and not debris of a plane, (P,) bool."""
    good: Bool = parts.sizes >= settings.min_voxels
    good &= parts.extents[:, 0] >= settings.min_extent
    good &= parts.extents[:, 0] <= settings.max_extent
    return good & ~_is_debris(decomposition, parts, settings)


def _is_debris(decomposition: Decomposition, parts: _Parts, settings: GeometricSettings) -> Bool:
    """Flat parts in the continuation of a plane, and the strips along the edges of planes.

    The first are bits of wall behind a shelf or of floor in a gap and, near floors and walls,
    sheets that pose errors and depth steps have put beside them. A flat box is safe: its sides
    are not parallel to the plane.
    """
    rows = np.flatnonzero(decomposition.part_of >= 0)
    own, points = decomposition.part_of[rows], decomposition.surface.points[rows]
    planes, voxel = decomposition.planes, decomposition.surface.voxel_size
    normals, count = decomposition.normals[rows], len(parts.sizes)
    with_normal = np.bincount(own, normals.any(axis=1), minlength=count)
    rows_of_part = rows_by_label(own, count)
    blocks = PointBlocks.of(points, _BLOCK * voxel)
    thin = RELIEF * settings.plane_thickness * voxel
    relief = np.full(len(planes), thin)
    relief[planes.areas >= ROOM_AREA] = max(ROOM_RELIEF_M, relief.max(initial=0.0))
    debris = np.zeros(count, np.bool_)
    beside_any = np.zeros(len(rows), np.bool_)
    for normal, offset, height in zip(planes.normals, planes.offsets, relief, strict=True):
        near, distance = blocks.near_plane(normal, offset, max(height, thin))
        distance = np.abs(distance)
        beside_any[near[distance < thin]] = True
        share = np.bincount(own[near[distance < height]], minlength=count) / parts.sizes
        for part in np.flatnonzero((share > MOSTLY) & ~debris):
            cosine = np.abs(normals[rows_of_part[part]] @ normal).sum()
            debris[part] = cosine > PARALLEL * with_normal[part]
    beside = np.bincount(own, beside_any, minlength=len(debris)) / parts.sizes
    return debris | ((beside > MOSTLY) & (parts.extents[:, 1] < STRIP_WIDTH * voxel))


def _masks(decomposition: Decomposition, kept: Int64) -> Masks:
    """Masks in the order of the scene's points."""
    instance = np.full(decomposition.part_of.max(initial=-1) + 2, -1, np.int64)
    instance[kept] = np.arange(len(kept))
    instance_of = instance[decomposition.part_of][decomposition.row_of]
    return Masks.of_labels(instance_of, len(kept))
