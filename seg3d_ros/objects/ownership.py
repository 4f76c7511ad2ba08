"""Voxel ownership after a segmentation: the rules by which objects give and take.

Rows of all arrays over tracks end with one more entry for NOBODY (-1), so that an array over
points can index them directly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seg3d_ros.kernels import kernel
from seg3d_ros.masks import Int32
from seg3d_ros.objects.segments import NOBODY
from seg3d_ros.objects.tracking import Owners
from seg3d_ros.scene import Bool, Int64

COVERED_SHARE = 0.5  # of an object's voxels in the scene, inside another object's segment


@dataclass(frozen=True, eq=False)
class Roles:
    """Roles of T tracks, old and new, in this segmentation; all (T + 1,) bool.

    Attributes:
        matched: a segment was found for it.
        confirmed: it is a known object now.
        prompted: made by a person; it neither gives nor takes.
        protected: a known object whose segment is missing and whose place another object's
            segment covers. It keeps its voxels until this was seen `merge_views` times.
        known_better: its segment shows it worse than an earlier one did.
    """

    matched: Bool
    confirmed: Bool
    prompted: Bool
    protected: Bool
    known_better: Bool


def find_covered(overlap: Int64, in_scene: Int64, track_of_segment: Int64, takes: Bool) -> Bool:
    """(T,) whether most of a track lies inside the segment of one that `takes` (T + 1,)."""
    if not overlap.size:
        return np.zeros(len(in_scene), bool)
    largest = overlap.argmax(axis=1)
    shared = np.take_along_axis(overlap, largest[:, None], axis=1)[:, 0]
    enough = (shared > 0) & (shared >= COVERED_SHARE * in_scene)
    covered: Bool = enough & takes[track_of_segment[largest]]
    return covered


def hand_over(
    owners: Owners, segment: Int32, track_of_segment: Int64, roles: Roles
) -> tuple[Int32, Int32, Bool]:
    """New owner and new claimant of each point.

    A known object takes the points of its segment, except from prompted and protected ones. It
    gives up points that are in no segment, unless it is known better, and keeps those in the
    segment of a track that is not confirmed: such a track only claims them.

    Args:
        owners: before this segmentation.
        segment: (N,) segment of each point.
        track_of_segment: (S,) track that a segment belongs to.
        roles: of the tracks.

    Returns:
        (N,) int32 confirmed track and (N,) int32 unconfirmed track of each point, and (T + 1,)
        bool, the tracks that gained or lost points.
    """
    owner, claimant = owners.owner.copy(), owners.claimant.copy()
    changed = np.zeros(len(roles.matched), bool)
    track_of_segment = np.append(track_of_segment, NOBODY)
    takes = roles.confirmed & ~roles.prompted
    gives = ~roles.prompted & ~roles.protected
    # These keep points that are in no segment.
    fixed = roles.prompted | ~roles.matched | roles.known_better
    claims = ~roles.confirmed
    claims[NOBODY] = False
    _move(owner, segment, track_of_segment, takes, gives, fixed, changed)
    _claim(claimant, segment, track_of_segment, claims, roles.matched, changed)
    changed[NOBODY] = False
    return owner, claimant, changed


@kernel
def _move(owner, segment, track_of_segment, takes, gives, fixed, changed):  # type: ignore[no-untyped-def]
    for i in range(owner.size):
        old, track = owner[i], track_of_segment[segment[i]]
        new = old
        if takes[track] and gives[old]:
            new = track
        elif segment[i] == NOBODY and not fixed[old]:
            new = NOBODY
        if new != old:
            changed[old] = changed[new] = True
            owner[i] = new


@kernel
def _claim(claimant, segment, track_of_segment, claims, matched, changed):  # type: ignore[no-untyped-def]
    for i in range(claimant.size):
        old, track = claimant[i], track_of_segment[segment[i]]
        new = NOBODY
        if claims[track]:
            new = track
        elif segment[i] == NOBODY and not matched[old]:
            new = old
        if new != old:
            changed[old] = changed[new] = True
            claimant[i] = new


@kernel
def rows_of_tracks(owner, claimant, changed):  # type: ignore[no-untyped-def]
    """Points that each changed track owns or claims, track after track, ascending.

    Returns:
        (K,) int64 rows, and (T + 2,) int64: those of track t are rows[starts[t] : starts[t + 1]].
    """
    starts = np.zeros(changed.size + 1, np.int64)
    for holder in (owner, claimant):
        for i in range(holder.size):
            starts[holder[i] + 1] += changed[holder[i]]
    starts = np.cumsum(starts)
    grouped = np.empty(starts[-1], np.int64)
    cursor = starts.copy()
    for i in range(owner.size):
        for track in (owner[i], claimant[i]):
            if changed[track]:
                grouped[cursor[track]] = i
                cursor[track] += 1
    return grouped, starts
