"""Plan of a tracking step: which track each segment belongs to, and what becomes of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seg3d_ros.masks import Masks
from seg3d_ros.objects.look import mean_colors
from seg3d_ros.objects.observation import Observation, mean_score
from seg3d_ros.objects.ownership import Roles, find_covered
from seg3d_ros.objects.pieces import find_pieces
from seg3d_ros.objects.segments import (
    NOBODY,
    Segments,
    disjoint_segments,
    evidence,
)
from seg3d_ros.objects.settings import TrackingSettings
from seg3d_ros.objects.tracking import (
    Owners,
    Track,
    associate,
    cosines,
    count_overlap,
    find_owners,
    find_seen_before,
)
from seg3d_ros.scene import Bool, Float32, Float64, Int64

_VISIBLE_SHARE = 0.5  # an object with less of its voxels in the scene can't be missed there
_FAMILIAR_IOU = 0.5  # from which on a mask shows a known object as it is known
_AS_FAMILIAR = 0.1  # IoU by which a mask that is as familiar may lie below the best one
_FAMILIAR_FAVOR = 0.2  # evidence by which another view of the same place must be better
_FADE_SEEN, _FADE_MISSED = 0.97, 0.9  # of the best evidence, for each later segmentation


@dataclass(frozen=True, eq=False)
class Step:
    """Assignment of tracks and segments in one segmentation.

    Arrays over tracks have a row for each old track, one for the track that each segment could
    start, and one for NOBODY, so that -1 finds it.

    Attributes:
        segments: usable segments of the scene.
        owners: of the old tracks, before the step.
        track_of_segment: (S,) int64 old track of each segment, or the one it starts.
        roles: of all tracks.
        covered: known objects that only show as a part of another one.
        merging: those of them that have done so often enough.
        missing: tracks that should have had a segment.
        covering: (T,) track of the segment that each old track shares most with.
        best: evidence of the segment that shows each track best, faded; see `Track`.
        fresh: (S,) whether most of a segment was not in the last scene.
        colors: (S, 3) float32 mean colour of each segment.
    """

    segments: Segments
    owners: Owners
    track_of_segment: Int64
    roles: Roles
    covered: Bool
    merging: Bool
    missing: Bool
    covering: Int64
    best: Float64
    fresh: Bool
    colors: Float32

    @property
    def masks(self) -> Int64:
        """(S,) row in `Instances` of each segment."""
        return self.segments.masks


def plan_step(tracks: list[Track], new: Observation, settings: TrackingSettings) -> Step:
    """Find out what a segmentation means for the tracks; changes nothing."""
    owners = find_owners(new.index, len(new.scene), tracks)
    seen = find_seen_before(new.scene, owners, new.last_index)
    segments = _find_segments(tracks, new, owners, seen, settings)
    of_point, count = segments.of_point, len(segments.masks)
    sizes = np.bincount(of_point[of_point >= 0], minlength=count)
    seen_sizes = np.bincount(of_point[seen & (of_point >= 0)], minlength=count)
    overlap = count_overlap(owners.owner, owners.claimant, of_point, len(tracks), count)
    cosine = cosines(tracks, new.instances, segments.masks)
    found = associate(overlap, owners.in_scene, seen_sizes, cosine, min_iou=settings.match_iou)
    starts = len(tracks) + np.arange(count)
    track_of_segment = np.where(found == NOBODY, starts, found)

    def column(values: Sequence[float] | Int64 | Bool) -> Float64:
        spare = np.zeros(count + 1)  # for the tracks that start, and NOBODY
        return np.concatenate([np.asarray(values, np.float64), spare])

    was_known = column([track.confirmed for track in tracks]) > 0
    prompted = column([track.known.prompted for track in tracks]) > 0
    by_hand = column([track.known.by_hand for track in tracks]) > 0
    matched = np.isin(np.arange(len(was_known)), track_of_segment)
    views = column([track.known.views for track in tracks]) + matched
    now = np.zeros(len(was_known))
    now[track_of_segment] = segments.evidence
    mean = np.zeros(len(was_known))
    mean[track_of_segment] = _mean_evidence(tracks, new, segments, sizes, track_of_segment)
    often = (views >= settings.confirm_views) & (mean >= settings.confirm_score)
    sure = mean >= settings.sure_score
    colors = mean_colors(of_point, count, new.scene.colors)
    doubtful = np.flatnonzero((often & ~sure & ~was_known)[track_of_segment]).tolist()
    pieces = find_pieces(tracks, new.scene, of_point, colors, doubtful)
    often[track_of_segment[pieces]] = False
    confirmed = was_known | (matched & (often | sure))

    takes = confirmed & ~prompted
    inside = column(find_covered(overlap, owners.in_scene, track_of_segment, takes)) > 0
    covered = inside & was_known & ~matched & ~prompted
    times_covered = column([track.covered_views for track in tracks]) + covered
    merging = covered & (times_covered >= settings.merge_views) & ~by_hand

    visible = column(owners.in_scene) >= _VISIBLE_SHARE * column([len(t.known) for t in tracks])
    missing = ~matched & ~by_hand & (visible | ~was_known)
    fading = np.where(matched, _FADE_SEEN, np.where(missing, _FADE_MISSED, 1.0))
    faded = column([track.best for track in tracks]) * fading
    covering = track_of_segment[overlap.argmax(axis=1)] if overlap.size else np.zeros(0, np.int64)
    return Step(
        segments,
        owners,
        track_of_segment,
        Roles(
            matched,
            confirmed,
            prompted,
            protected=covered & ~merging,
            known_better=matched & (now < faded),
        ),
        covered,
        merging,
        missing,
        covering=covering,
        best=np.maximum(faded, now),
        fresh=2 * seen_sizes < sizes,
        colors=colors,
    )


def _find_segments(
    tracks: list[Track], new: Observation, owners: Owners, seen: Bool, settings: TrackingSettings
) -> Segments:
    familiarity = _familiarity(tracks, new.instances.masks, owners, seen)
    return disjoint_segments(
        new.instances,
        min_voxels=settings.min_object_voxels,
        voxel_size=new.scene.voxel_size,
        favor=_FAMILIAR_FAVOR * familiarity,
        inside=settings.confirm_score,
    )


def _familiarity(tracks: list[Track], masks: Masks, owners: Owners, seen: Bool) -> Float64:
    """(M,) share of a mask that is not new to the map, if it shows a known object; else 0.

    Favouring these masks, the best of an object and those that are about as good, keeps parts and
    wholes from alternating. Which of them shows an object as it is known, new voxels cannot tell;
    how far it goes on there, what is known cannot.
    """
    familiarity = np.zeros(len(masks))
    if not tracks or not len(masks):
        return familiarity
    count, rows, mask = len(tracks), masks.rows, masks.mask_of
    sizes = np.bincount(mask[seen[rows]], minlength=len(masks))
    owned = owners.owner[rows] != NOBODY
    pairs = mask[owned] * count + owners.owner[rows[owned]]
    shared = np.bincount(pairs, minlength=len(masks) * count).reshape(-1, count)
    union = owners.in_scene + sizes[:, None] - shared
    iou = shared / np.maximum(union, 1)
    least = np.maximum(iou.max(axis=0) - _AS_FAMILIAR, _FAMILIAR_IOU)
    familiar = (iou >= least).any(axis=1)
    familiarity[familiar] = sizes[familiar] / masks.sizes[familiar]
    return familiarity


def _mean_evidence(
    tracks: list[Track], new: Observation, segments: Segments, sizes: Int64, rows: Int64
) -> Float64:
    """(S,) evidence of the mean score of each segment's track, in (S,) rows, and its size now."""
    scores = new.instances.scores[segments.masks].copy()
    for segment, row in enumerate(rows.tolist()):
        if row < len(tracks):
            scores[segment] = mean_score(tracks[row].known, float(scores[segment]))
    return evidence(scores, sizes, new.scene.voxel_size)
