"""Association of known objects with the segments of a new segmentation, by shared voxels.

Because the map's voxels stay where they are, no motion model is needed: an object and its new
segment share voxels. Two things make the plain intersection over union misleading, and both are
taken out of it. Voxels outside the current scene (the robot has moved on) do not count for the
object, and voxels that appeared since the last segmentation (the map has grown) do not count for
the segment, so an object first seen in part keeps its id when the rest of it comes into view.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.segments import NOBODY, Int32, Segments
from seg3d_ros.scene import Bool, Float32, Float64, Int64, Scene
from seg3d_ros.sparse.hash_index import build_index, find_rows

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
    """

    known: MapObject
    segmented_size: int
    missed_ns: int = 0
    covered_views: int = 0

    @property
    def confirmed(self) -> bool:
        """Whether the object is known to the outside."""
        return self.known.id > 0

    def is_remnant(self, size: int) -> bool:
        """Whether `size` voxels are too few of what it was to be the same thing."""
        return size < max(1, _REMNANT_SHARE * self.segmented_size)


@dataclass(frozen=True, eq=False)
class Owners:
    """Which of T tracks each of a scene's N points belongs to.

    Attributes:
        owner: (N,) int32 confirmed track, NOBODY where there is none.
        claimant: (N,) int32 track that is not confirmed yet. Its voxels stay with their owner
            until it is, so that one bad segmentation takes nothing from a known object.
        seen_before: (N,) bool, the point was in the last segmentation's scene or has an owner.
        in_scene: (T,) int64 number of each track's voxels that are in the scene.
        outside: for each track its voxel keys that are not in the scene, sorted.
    """

    owner: Int32
    claimant: Int32
    seen_before: Bool
    in_scene: Int64
    outside: list[Int64]


def find_owners(scene: Scene, tracks: list[Track], last_keys: Int64) -> Owners:
    """Find the tracks' voxels, and the keys of the last segmentation's scene, in a scene."""
    index = build_index(scene.voxel_keys)
    sizes = [len(track.known) for track in tracks]
    keys = np.concatenate([np.empty(0, np.int64), *(t.known.voxel_keys for t in tracks)])
    track_of_key = np.repeat(np.arange(len(tracks), dtype=np.int32), sizes)
    rows = find_rows(index, keys)
    found = rows >= 0
    ends = np.cumsum(sizes, dtype=np.int64)
    outside = [
        keys[end - size : end][~found[end - size : end]]
        for end, size in zip(ends, sizes, strict=True)
    ]

    owner, claimant = (np.full(len(scene), NOBODY, np.int32) for _ in range(2))
    confirmed = np.repeat([track.confirmed for track in tracks], sizes).astype(bool)
    for points, chosen in ((owner, found & confirmed), (claimant, found & ~confirmed)):
        points[rows[chosen]] = track_of_key[chosen]
    seen_before = (owner >= 0) | (claimant >= 0)
    last_rows = find_rows(index, last_keys)
    seen_before[last_rows[last_rows >= 0]] = True
    in_scene = np.bincount(track_of_key[found], minlength=len(tracks))
    return Owners(owner, claimant, seen_before, in_scene, outside)


def count_overlap(owners: Owners, segments: Segments) -> Int64:
    """(T, S) number of points that track t owns or claims and segment s holds."""
    shape = (len(owners.in_scene), len(segments.masks))
    counts = np.zeros(shape[0] * shape[1], np.int64)
    for holder in (owners.owner, owners.claimant):
        both = (holder >= 0) & (segments.of_point >= 0)
        pairs = holder[both].astype(np.int64) * shape[1] + segments.of_point[both]
        counts += np.bincount(pairs, minlength=len(counts))
    return counts.reshape(shape)


def cosines(tracks: list[Track], embeddings: Float32 | None, count: int) -> Float32:
    """(T, count) cosine of each track with each embedding; 1 where either side has none."""
    cosine = np.ones((len(tracks), count), np.float32)
    if embeddings is None:
        return cosine
    known = [(row, track.known.embedding) for row, track in enumerate(tracks)]
    # Embeddings of another length come from a map that another model made.
    same = [(row, e) for row, e in known if e is not None and len(e) == embeddings.shape[1]]
    if same:
        cosine[[row for row, _ in same]] = np.stack([e for _, e in same]) @ embeddings.T
    return cosine


def associate(
    owners: Owners, segments: Segments, overlap: Int64, cosine: Float32, *, min_iou: float
) -> Int64:
    """Choose the track of each segment, one to one, so that the sum of affinities is largest.

    The affinity is the intersection over union (see the module) less a share for embeddings that
    disagree; pairs below `min_iou` are never chosen. Solved by Kuhn's "Hungarian method", 1955.

    Returns:
        (S,) int64 track of each segment, NOBODY where none fits.
    """
    count = len(segments.masks)
    known = segments.of_point[owners.seen_before & (segments.of_point >= 0)]
    known_size = np.bincount(known, minlength=count)
    union = owners.in_scene[:, None] + known_size[None, :] - overlap
    iou: Float64 = overlap / np.maximum(union, 1)
    allowed = (iou >= min_iou) & (overlap > 0)
    affinity = np.where(allowed, iou * (1 - _DISAGREEMENT * (1 - cosine) / 2), 0.0)

    # Most tracks and segments have no partner at all: solve the rest.
    rows, columns = np.flatnonzero(allowed.any(axis=1)), np.flatnonzero(allowed.any(axis=0))
    chosen_row, chosen_column = linear_sum_assignment(
        affinity[np.ix_(rows, columns)], maximize=True
    )
    tracks, chosen = rows[chosen_row], columns[chosen_column]
    valid = allowed[tracks, chosen]
    track_of_segment = np.full(count, NOBODY, np.int64)
    track_of_segment[chosen[valid]] = tracks[valid]
    return track_of_segment
