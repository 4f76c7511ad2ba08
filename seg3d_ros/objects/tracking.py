"""Association of known objects with the segments of a new segmentation, by shared voxels.

Because the map's voxels stay where they are, no motion model is needed: an object and its new
segment share voxels. Two things make the plain intersection over union misleading, and both are
taken out of it. Voxels outside the current scene (the robot has moved on) do not count for the
object, and voxels that appeared since the last segmentation (the map has grown) do not count for
the segment, so an object first seen in part keeps its id when the rest of it comes into view.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from seg3d_ros.kernels import kernel
from seg3d_ros.masks import Int32
from seg3d_ros.objects.elements import Elements
from seg3d_ros.objects.look import Look
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.segments import NOBODY
from seg3d_ros.scene import Bool, Float32, Float64, Instances, Int64, Scene
from seg3d_ros.sparse.hash_index import HashIndex, find_rows

_NO_ELEMENTS = Elements(np.empty(0, np.int64), np.empty((0, 3), np.float32))
_OBSERVED_SHARE = 0.2  # of an object's voxels: fewer may be of what it stands on
_REMNANT_SHARE = 0.3  # an object with less of its segmented size left is gone
_DISAGREEMENT = 0.5  # share of the overlap that opposite embeddings take off


@dataclass
class Track:
    """An object and the tracker's own bookkeeping about it.

    Attributes:
        known: the object; replaced, never changed.
        segmented_size: voxels it had when it was last segmented.
        missed_ns: time in the scene without a segment, since the last one.
        covered_views: successive segmentations that saw it as a part of another object.
        look: when most of it was seen; None: never segmented here.
        observed_ns: stamp of the newest view that measured much of it.
        fresh: its voxels were new to the map when it was first segmented.
        best: evidence of the segment that showed it best; later ones let it fade. What shows it
            worse than that takes nothing from it but what others get.
        carved: voxels that have left the map, less those that came instead: what is carved away
            bit by bit is segmented ever smaller, and is gone in the end all the same.
    """

    known: MapObject
    segmented_size: int
    missed_ns: int = 0
    covered_views: int = 0
    look: Look | None = None
    observed_ns: int = 0
    fresh: bool = False
    best: float = 0.0
    carved: int = 0

    @property
    def confirmed(self) -> bool:
        """Whether the object is known."""
        return self.known.id > 0

    @property
    def shown(self) -> bool:
        """Whether the object is among those that are shown to the outside."""
        return self.confirmed and not self.known.deleted

    def is_remnant(self, size: int) -> bool:
        """Whether `size` voxels are too few of what it was to be the same thing."""
        was = max(self.segmented_size, size + self.carved)
        return size < max(1, _REMNANT_SHARE * was)


def note_measured(tracks: Sequence[Track], stamps: Int64) -> None:
    """Note when the voxels of tracks were measured last.

    Args:
        tracks: changed in place; one measured since it was loaded is not `restored` any more.
        stamps: (K,) int64 of their elements, one track after the other.
    """
    start = 0
    for track in tracks:
        end = start + len(track.known)
        part = stamps[start:end]
        if track.known.restored and part.max() > track.observed_ns:
            track.known = replace(track.known, restored=False)
        older = int((1 - _OBSERVED_SHARE) * (len(part) - 1))
        track.observed_ns = max(track.observed_ns, int(np.partition(part, older)[older]))
        start = end


@dataclass(frozen=True, eq=False)
class Owners:
    """Owner of each of a scene's N points among T tracks.

    Attributes:
        owner: (N,) int32 confirmed track, NOBODY where there is none.
        claimant: (N,) int32 track that is not confirmed yet. Its voxels stay with their owner
            until it is, so that one bad segmentation takes nothing from a known object.
        in_scene: (T,) int64 number of each track's voxels that are in the scene.
        outside: for each track its elements that are not in the scene.
    """

    owner: Int32
    claimant: Int32
    in_scene: Int64
    outside: list[Elements]


def find_owners(index: HashIndex, point_count: int, tracks: list[Track]) -> Owners:
    """Find the tracks' elements in a scene whose element ids `index` maps to rows."""
    owner, claimant = (np.full(point_count, NOBODY, np.int32) for _ in range(2))
    in_scene = np.zeros(len(tracks), np.int64)
    outside = []
    for number, track in enumerate(tracks):
        rows = find_rows(index, track.known.element_ids)
        found = rows >= 0
        in_scene[number] = np.count_nonzero(found)
        if in_scene[number] < len(rows):
            outside.append(track.known.elements.select(~found))
            rows = rows[found]
        else:
            outside.append(_NO_ELEMENTS)
        (owner if track.confirmed else claimant)[rows] = number
    return Owners(owner, claimant, in_scene, outside)


@kernel
def count_overlap(owner, claimant, segment, track_count, segment_count):  # type: ignore[no-untyped-def]
    """(T, S) int64 number of points that track t owns or claims and segment s holds."""
    overlap = np.zeros((track_count, segment_count), np.int64)
    for i in range(segment.size):
        if segment[i] >= 0:
            if owner[i] >= 0:
                overlap[owner[i], segment[i]] += 1
            if claimant[i] >= 0:
                overlap[claimant[i], segment[i]] += 1
    return overlap


def find_seen_before(scene: Scene, owners: Owners, last: HashIndex) -> Bool:
    """(N,) whether each point has an owner or was in the last segmented scene."""
    seen: Bool = (owners.owner >= 0) | (owners.claimant >= 0)
    asked = np.flatnonzero(~seen)
    seen[asked] = find_rows(last, scene.element_ids[asked]) >= 0
    return seen


def cosines(tracks: list[Track], instances: Instances, masks: Int64) -> Float32:
    """(T, S) cosine of each track with (S,) of the instances; 1 where one has no embedding."""
    cosine = np.ones((len(tracks), len(masks)), np.float32)
    space, vectors = instances.embedding_space, instances.embeddings
    if space is None or vectors is None:
        return cosine
    known = [(row, track.known.embeddings.get(space)) for row, track in enumerate(tracks)]
    same = [(row, e.vector) for row, e in known if e and len(e.vector) == vectors.shape[1]]
    if same:
        cosine[[row for row, _ in same]] = np.stack([e for _, e in same]) @ vectors[masks].T
    return cosine


def associate(
    overlap: Int64, in_scene: Int64, seen_before: Int64, cosine: Float32, *, min_iou: float
) -> Int64:
    """Choose the track of each segment, one to one, so that the sum of affinities is largest.

    The affinity is the intersection over union (see the module) less a share for embeddings that
    disagree; pairs below `min_iou` are never chosen. Solved by Kuhn's "Hungarian method", 1955.

    Args:
        overlap: (T, S) points that a track and a segment share.
        in_scene: (T,) points of each track in the scene.
        seen_before: (S,) points of each segment that the last segmentation could see.
        cosine: (T, S) agreement of the embeddings.
        min_iou: in (0, 1].

    Returns:
        (S,) int64 track of each segment, NOBODY where none fits.
    """
    union = in_scene[:, None] + seen_before[None, :] - overlap
    iou: Float64 = overlap / np.maximum(union, 1)
    allowed = iou >= min_iou
    affinity = np.where(allowed, iou * (1 - _DISAGREEMENT * (1 - cosine) / 2), 0.0)

    track, segment = _assign(affinity, allowed)
    track_of_segment = np.full(overlap.shape[1], NOBODY, np.int64)
    track_of_segment[segment] = track
    return track_of_segment


def _assign(affinity: Float64, allowed: Bool) -> tuple[Int64, Int64]:
    """Rows and columns of allowed pairs, each at most once, of the largest sum."""
    if allowed.sum(axis=0).max(initial=0) <= 1 and allowed.sum(axis=1).max(initial=0) <= 1:
        rows, columns = np.nonzero(allowed)  # nothing to choose
        return rows, columns
    from scipy.optimize import linear_sum_assignment  # a quarter of a second to import

    # Most rows and columns have no partner at all: solve the rest.
    rows, columns = np.flatnonzero(allowed.any(axis=1)), np.flatnonzero(allowed.any(axis=0))
    row, column = linear_sum_assignment(affinity[np.ix_(rows, columns)], maximize=True)
    row, column = rows[row], columns[column]
    valid = allowed[row, column]
    return row[valid], column[valid]
