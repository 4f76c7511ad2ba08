"""Moments of an audit: true objects and known objects compared voxel by voxel after a tick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.point_owners import owner_of_points
from seg3d_ros.recordings.truth import NONE, STRUCTURE, Int32
from seg3d_ros.scene import Bool, Float64, Int64, Scene
from seg3d_ros.text.labels import BACKGROUND

MIN_VOXELS = 100  # smaller true objects need not be found
MATCH_IOU = 0.5
_STRUCTURE_WORDS = frozenset({*STRUCTURE, BACKGROUND})


@dataclass(frozen=True, eq=False)
class Moment:
    """Comparison of G true and P known objects.

    Attributes:
        stamp_ns: of the newest frame.
        true_ids: (G,) int64 numbers of the true objects that are large enough in the map.
        object_ids: (P,) int64 ids of the known objects; those on walls that are called so, and
            those on true objects that are too small, are left out.
        ious: (G, P) intersection over union of voxels.
        duplicates: known objects beyond the first that lie mainly on the same true object.
        ghosts: known objects that lie mainly on no object at all.
    """

    stamp_ns: int
    true_ids: Int64
    object_ids: Int64
    ious: Float64
    duplicates: int
    ghosts: int

    @property
    def matched(self) -> int:
        """True objects that a known one fits with an IoU of at least MATCH_IOU."""
        return int((self.ious >= MATCH_IOU).any(axis=1).sum())


def compare(
    scene: Scene, objects: Sequence[MapObject], labels: Int32, names: Sequence[str]
) -> Moment:
    """Compare the known objects with the ground truth of the map's N voxels.

    Args:
        scene: the map.
        objects: those known.
        labels: (N,) true object of each voxel, NONE where unknown.
        names: of the true objects.
    """
    structure = np.array([name in STRUCTURE for name in names], bool)
    owners = owner_of_points(scene, objects)
    shared = _counts(owners, labels, len(objects), len(names))
    true_sizes = np.bincount(labels[labels != NONE], minlength=len(names))
    sizes = shared.sum(axis=1)
    counted = np.flatnonzero(~structure & (true_sizes >= MIN_VOXELS))
    place = _main_place(shared, sizes, structure)
    called_structure = np.array([item.label in _STRUCTURE_WORDS for item in objects], bool)
    ghosts = (place == _NOWHERE) & ~called_structure & (sizes > 0)
    on_counted = np.isin(place, counted)
    judged = np.flatnonzero(ghosts | on_counted | ((place == _SPREAD) & (sizes > 0)))
    both = shared[np.ix_(judged, counted)].T
    union = true_sizes[counted][:, None] + sizes[judged] - both
    held = np.bincount(place[on_counted], minlength=len(names))
    return Moment(
        scene.stamp_ns,
        counted,
        np.array([item.id for item in objects], np.int64)[judged],
        both / np.maximum(union, 1),
        int(np.maximum(held - 1, 0).sum()),
        int(ghosts.sum()),
    )


_NOWHERE, _SPREAD = -1, -2


def _main_place(shared: Int64, sizes: Int64, structure: Bool) -> Int64:
    """(P,) true object that holds more than half of each known one.

    _NOWHERE where structure holds at least half, _SPREAD where no object holds half.
    """
    if not shared.size:
        return np.full(len(shared), _SPREAD, np.int64)
    largest = np.where(structure, -1, shared).argmax(axis=1)
    most = np.take_along_axis(shared, largest[:, None], axis=1)[:, 0]
    nowhere = 2 * shared[:, structure].sum(axis=1) >= sizes
    mainly = (2 * most > sizes) & ~structure[largest]
    return np.where(nowhere, _NOWHERE, np.where(mainly, largest, _SPREAD))


def _counts(owners: Int32, labels: Int32, objects: int, names: int) -> Int64:
    """(P, names) voxels that each known and each true object share."""
    known = (owners >= 0) & (labels != NONE)
    keys = owners[known].astype(np.int64) * names + labels[known]
    return np.bincount(keys, minlength=objects * names).reshape(objects, names)
