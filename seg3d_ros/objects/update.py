"""One step of the object map: a segmentation comes in, objects are born, grow, merge and end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from seg3d_ros.objects.elements import Elements, ascending_order
from seg3d_ros.objects.look import look_again
from seg3d_ros.objects.map_object import MapObject, with_elements
from seg3d_ros.objects.observation import Observation, observe, start_track
from seg3d_ros.objects.ownership import hand_over, rows_of_tracks
from seg3d_ros.objects.settings import TrackingSettings
from seg3d_ros.objects.step import Step, plan_step
from seg3d_ros.objects.tracking import Track
from seg3d_ros.scene import Scene


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
        ended: known objects that merged, were forgotten or retired, as they were.
    """

    segments: int
    matched: int
    confirmed: int
    merged: int
    forgotten: int
    retired: int
    merged_into: Mapping[int, int] = field(default_factory=dict)
    ended: tuple[MapObject, ...] = ()


def take_in(
    tracks: list[Track],
    new: Observation,
    settings: TrackingSettings,
    identify: Callable[[MapObject], MapObject],
) -> tuple[list[Track], TrackingReport]:
    """Apply a segmentation to the tracks.

    Args:
        tracks: known and waiting objects; changed in place.
        new: the segmentation.
        settings: thresholds.
        identify: gives an object that becomes known its id.

    Returns:
        The tracks that are left together with the new ones, and what happened.
    """
    step = plan_step(tracks, new, settings)
    bodies = _new_bodies(tracks, new.scene, step)
    # After a pause of the input one miss proves little: forgetting takes two at least.
    _count_misses(tracks, step, min(new.elapsed_ns, int(settings.forget_after * 1e9) // 2))
    ends = _ends(tracks, bodies, step, settings)
    in_order = np.argsort(step.masks).tolist()  # of the segmenter: ids are given in it
    measured = {int(step.track_of_segment[segment]): segment for segment in in_order}

    left: dict[int, Track] = {}
    for row, track in enumerate(tracks):
        if row in ends:
            continue
        if row in bodies:
            grown = len(bodies[row].ids) - len(track.known)
            track.carved = max(0, track.carved - max(grown, 0))
            track.known = with_elements(track.known, bodies[row], new.scene.grid)
        if row in measured:
            observe(track, new, int(step.masks[measured[row]]))
        track.best = float(step.best[row])
        left[row] = track
    for row, segment in measured.items():
        body = bodies.get(row)
        if row >= len(tracks) and body and len(body.ids) >= settings.min_object_voxels:
            left[row] = start_track(body, new, int(step.masks[segment]))
            left[row].fresh = bool(step.fresh[segment])
            left[row].best = float(step.best[row])
        if row in left:
            left[row].look = look_again(left[row].look, left[row].known, step.colors[segment])

    born = [t for row, t in left.items() if step.roles.confirmed[row] and not t.confirmed]
    for track in born:
        track.known = identify(track.known)
    reasons = list(ends.values())
    ended = tuple(tracks[row].known for row, reason in ends.items() if reason != "waiting")
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
        ended=ended,
    )


def _new_bodies(tracks: list[Track], scene: Scene, step: Step) -> dict[int, Elements]:
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


def _count_misses(tracks: list[Track], step: Step, elapsed_ns: int) -> None:
    """Keep the tracks' own records of not being seen."""
    for row, track in enumerate(tracks):
        if step.roles.matched[row]:
            track.missed_ns = 0
        elif step.missing[row]:
            track.missed_ns += elapsed_ns
        track.covered_views = track.covered_views + 1 if step.covered[row] else 0


def _ends(
    tracks: list[Track], bodies: dict[int, Elements], step: Step, settings: TrackingSettings
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
