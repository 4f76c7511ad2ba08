"""One step of the object map: a segmentation comes in, objects are born, grow, merge and end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from seg3d_ros.objects.box import voxel_box
from seg3d_ros.objects.elements import Elements, ascending_order
from seg3d_ros.objects.embedding import MEMORY_VIEWS, Embedding, with_view
from seg3d_ros.objects.look import look_again, mean_colors
from seg3d_ros.objects.map_object import MapObject, with_elements
from seg3d_ros.objects.ownership import (
    Roles,
    find_covered,
    hand_over,
    rows_of_tracks,
)
from seg3d_ros.objects.segments import NOBODY, Segments, disjoint_segments
from seg3d_ros.objects.settings import TrackingSettings
from seg3d_ros.objects.tracking import (
    Owners,
    Track,
    associate,
    cosines,
    count_overlap,
    count_seen_before,
    find_owners,
)
from seg3d_ros.scene import Bool, Float32, Instances, Int64, Scene
from seg3d_ros.sparse.hash_index import HashIndex

_VISIBLE_SHARE = 0.5  # an object with less of its voxels in the scene can't be missed there


@dataclass(frozen=True)
class TrackingReport:
    """Changes that one segmentation made to the objects; counts.

    Attributes:
        segments: usable, disjoint segments.
        matched: those of an object that was known or waiting already.
        confirmed: objects that became known.
        merged: known objects that became part of another one.
        forgotten: known objects that went unsegmented too long.
        retired: known objects that lost most of their voxels to others.
        merged_into: id of the object that each merged one is part of now, by its id.
    """

    segments: int
    matched: int
    confirmed: int
    merged: int
    forgotten: int
    retired: int
    merged_into: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Observation:
    """A segmentation and what the tracker needs to know about its moment.

    Attributes:
        scene: the scene that was segmented.
        instances: its masks.
        index: of the scene's element ids.
        last_index: of those of the scene segmented before, empty the first time.
        elapsed_ns: time since then, >= 0.
    """

    scene: Scene
    instances: Instances
    index: HashIndex
    last_index: HashIndex
    elapsed_ns: int


@dataclass(frozen=True, eq=False)
class _Step:
    """Assignment of tracks and segments in this segmentation.

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
    fresh: Bool
    colors: Float32

    @property
    def masks(self) -> Int64:
        """(S,) row in `Instances` of each segment."""
        return self.segments.masks


def take_in(
    tracks: list[Track],
    new: Observation,
    settings: TrackingSettings,
    new_id: Callable[[], int],
) -> tuple[list[Track], TrackingReport]:
    """Apply a segmentation to the tracks.

    Args:
        tracks: known and waiting objects; changed in place.
        new: the segmentation.
        settings: thresholds.
        new_id: gives an id to each object that becomes known.

    Returns:
        The tracks that are left together with the new ones, and what happened.
    """
    step = _plan(tracks, new, settings)
    bodies = _new_bodies(tracks, new.scene, step)
    # After a pause of the input one miss proves little: forgetting takes two at least.
    _count_misses(tracks, step, min(new.elapsed_ns, int(settings.forget_after * 1e9) // 2))
    ends = _ends(tracks, bodies, step, settings)
    measured = {row: segment for segment, row in enumerate(step.track_of_segment.tolist())}

    left: dict[int, Track] = {}
    for row, track in enumerate(tracks):
        if row in ends:
            continue
        if row in bodies:
            grown = len(bodies[row].ids) - len(track.known)
            track.carved = max(0, track.carved - max(grown, 0))
            track.known = with_elements(track.known, bodies[row], new.scene.grid)
        if row in measured:
            _observe(track, new, int(step.masks[measured[row]]))
        left[row] = track
    for row, segment in measured.items():
        body = bodies.get(row)
        if row >= len(tracks) and body and len(body.ids) >= settings.min_object_voxels:
            left[row] = _start(body, new, int(step.masks[segment]))
            left[row].fresh = bool(step.fresh[segment])
        if row in left:
            left[row].look = look_again(left[row].look, left[row].known, step.colors[segment])

    born = [t for row, t in left.items() if step.roles.confirmed[row] and not t.confirmed]
    for track in born:
        track.known = replace(track.known, id=new_id())
    reasons = list(ends.values())
    return list(left.values()), TrackingReport(
        segments=len(measured),
        matched=sum(row < len(tracks) for row in measured),
        confirmed=len(born),
        merged=reasons.count("merged"),
        forgotten=reasons.count("forgotten"),
        retired=reasons.count("retired"),
        merged_into={
            tracks[row].known.id: left[int(step.covering[row])].known.id
            for row, reason in ends.items()
            if reason == "merged" and int(step.covering[row]) in left
        },
    )


def _plan(tracks: list[Track], new: Observation, settings: TrackingSettings) -> _Step:
    segments = disjoint_segments(new.instances, min_voxels=settings.min_object_voxels)
    count = len(segments.masks)
    owners = find_owners(new.index, len(new.scene), tracks)
    overlap = count_overlap(owners.owner, owners.claimant, segments.of_point, len(tracks), count)
    seen_before = count_seen_before(new.scene, segments, owners, new.last_index)
    cosine = cosines(tracks, new.instances, segments.masks)
    found = associate(overlap, owners.in_scene, seen_before, cosine, min_iou=settings.match_iou)
    starts = len(tracks) + np.arange(count)
    track_of_segment = np.where(found == NOBODY, starts, found)

    def column(values: Sequence[int] | Int64 | Bool) -> Int64:
        spare = np.zeros(count + 1, np.int64)  # for the tracks that start, and NOBODY
        return np.concatenate([np.asarray(values, np.int64), spare])

    was_known = column([track.confirmed for track in tracks]) > 0
    prompted = column([track.known.prompted for track in tracks]) > 0
    by_hand = column([track.known.by_hand for track in tracks]) > 0
    matched = np.isin(np.arange(len(was_known)), track_of_segment)
    views = column([track.known.views for track in tracks]) + matched
    confirmed = was_known | (matched & (views >= settings.confirm_views))

    takes = confirmed & ~prompted
    inside = column(find_covered(overlap, owners.in_scene, track_of_segment, takes)) > 0
    covered = inside & was_known & ~matched & ~prompted
    times_covered = column([track.covered_views for track in tracks]) + covered
    merging = covered & (times_covered >= settings.merge_views) & ~by_hand

    sizes = column([len(track.known) for track in tracks])
    visible = column(owners.in_scene) >= _VISIBLE_SHARE * sizes
    missing = ~matched & ~by_hand & (visible | ~was_known)
    roles = Roles(matched, confirmed, prompted, protected=covered & ~merging)
    covering = track_of_segment[overlap.argmax(axis=1)] if overlap.size else np.zeros(0, np.int64)
    sizes = np.bincount(segments.of_point[segments.of_point >= 0], minlength=count)
    return _Step(
        segments, owners, track_of_segment, roles, covered, merging, missing,
        covering=covering,
        fresh=2 * seen_before < sizes,
        colors=mean_colors(segments.of_point, count, new.scene.colors),
    )  # fmt: skip


def _new_bodies(tracks: list[Track], scene: Scene, step: _Step) -> dict[int, Elements]:
    """Elements of each track that gains or loses some; they may be none."""
    segment = step.segments.of_point
    owner, claimant, changed = hand_over(step.owners, segment, step.track_of_segment, step.roles)
    order = ascending_order(scene.element_ids)
    if order is None:
        rows, starts = rows_of_tracks(owner, claimant, changed)
    else:
        places, starts = rows_of_tracks(owner[order], claimant[order], changed)
        rows = order[places]
    ids, points = scene.element_ids[rows], scene.points[rows]
    bodies = {}
    for row in np.flatnonzero(changed).tolist():
        part = slice(starts[row], starts[row + 1])
        body = Elements(ids[part].copy(), points[part].copy())
        # What a track that is not known yet claims outside the scene may be another's.
        if row < len(tracks) and tracks[row].confirmed and len(step.owners.outside[row].ids):
            body = body.joined(step.owners.outside[row])
        bodies[row] = body
    return bodies


def _count_misses(tracks: list[Track], step: _Step, elapsed_ns: int) -> None:
    """Keep the tracks' own records of not being seen."""
    for row, track in enumerate(tracks):
        if step.roles.matched[row]:
            track.missed_ns = 0
        elif step.missing[row]:
            track.missed_ns += elapsed_ns
        track.covered_views = track.covered_views + 1 if step.covered[row] else 0


def _ends(
    tracks: list[Track], bodies: dict[int, Elements], step: _Step, settings: TrackingSettings
) -> dict[int, str]:
    """Reasons of ends by row: "merged", "forgotten", "retired"; "waiting" if never known."""
    forget_ns = settings.forget_after * 1e9
    ends: dict[int, str] = {}
    for row, track in enumerate(tracks):
        if step.merging[row]:
            ends[row] = "merged"
        elif step.missing[row] and track.missed_ns >= forget_ns:
            ends[row] = "forgotten"
        elif row in bodies and _is_too_small(
            track, len(bodies[row].ids), step.roles.matched[row], settings
        ):
            ends[row] = "retired"
        if row in ends and not track.confirmed:
            ends[row] = "waiting"
    return ends


def _is_too_small(track: Track, size: int, matched: bool, settings: TrackingSettings) -> bool:
    # What a segment shows is the object, however much smaller than before.
    return size < settings.min_object_voxels or (not matched and track.is_remnant(size))


def _observe(track: Track, new: Observation, mask: int) -> None:
    """Bring what is known of an object up to date with its mask in a segmentation."""
    known = track.known
    score = float(new.instances.scores[mask])
    memory = min(known.views, MEMORY_VIEWS - 1)
    track.known = replace(
        known,
        score=(known.score * memory + score) / (memory + 1),
        first_seen_ns=min(known.first_seen_ns, new.scene.stamp_ns),
        last_seen_ns=new.scene.stamp_ns,
        views=known.views + 1,
        embeddings=_with_embedding(known, new.instances, mask),
    )
    track.segmented_size = len(known)


def _with_embedding(known: MapObject, instances: Instances, mask: int) -> Mapping[str, Embedding]:
    """Embeddings of an object and that of a mask, weighted by score and number of voxels."""
    space, vectors = instances.embedding_space, instances.embeddings
    if space is None or vectors is None:
        return known.embeddings
    view = Embedding(vectors[mask].copy(), float(instances.scores[mask]) * len(known))
    return with_view(known.embeddings, space, view)


def _start(body: Elements, new: Observation, mask: int) -> Track:
    """A track for a segment that fits no object."""
    stamp_ns = new.scene.stamp_ns
    box, centroid = voxel_box(body.points, new.scene.grid)
    score = float(new.instances.scores[mask])
    known = MapObject(0, *body, box, centroid, score, stamp_ns, stamp_ns)
    known = replace(known, embeddings=_with_embedding(known, new.instances, mask))
    return Track(known, segmented_size=len(known))
