"""Who owns each voxel after a segmentation: the rules by which objects give and take.

Rows of all arrays over tracks end with one more entry for NOBODY (-1), so that an array over
points can index them directly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seg3d_ros.objects.segments import NOBODY, Int32
from seg3d_ros.objects.tracking import Owners
from seg3d_ros.scene import Bool, Int64

COVERED_SHARE = 0.5  # of an object's voxels in the scene, inside another object's segment


@dataclass(frozen=True, eq=False)
class Roles:
    """What each of T tracks, old and new, is in this segmentation; all (T + 1,) bool.

    Attributes:
        matched: a segment was found for it.
        confirmed: it is a known object now.
        prompted: made by a person; it neither gives nor takes.
        protected: a known object whose segment is missing and whose place another object's
            segment covers. It keeps its voxels until this was seen `merge_views` times.
    """

    matched: Bool
    confirmed: Bool
    prompted: Bool
    protected: Bool


def find_covered(overlap: Int64, in_scene: Int64, track_of_segment: Int64, takes: Bool) -> Bool:
    """(T,) whether most of a track lies inside the segment of one that `takes` (T + 1,)."""
    if not overlap.size:
        return np.zeros(len(in_scene), bool)
    largest = overlap.argmax(axis=1)
    shared = np.take_along_axis(overlap, largest[:, None], axis=1)[:, 0]
    enough = (shared > 0) & (shared >= COVERED_SHARE * in_scene)
    covered: Bool = enough & takes[track_of_segment[largest]]
    return covered


def hand_over(owners: Owners, segment: Int32, track: Int64, roles: Roles) -> tuple[Int32, Int32]:
    """New owner and new claimant of each point.

    A known object takes the points of its segment, except from prompted and protected ones. It
    gives up points that are in no segment, and keeps those in the segment of a track that is not
    confirmed: such a track only claims them.

    Args:
        owners: before this segmentation.
        segment: (N,) segment of each point.
        track: (N,) track whose segment that is; NOBODY where there is none.
        roles: of the tracks.

    Returns:
        (N,) int32 confirmed track and (N,) int32 unconfirmed track of each point.
    """
    nothing = segment == NOBODY
    takes = roles.confirmed & ~roles.prompted
    gives = ~roles.prompted & ~roles.protected
    gives_up = roles.matched & ~roles.prompted
    taker = np.where(takes[track], track, NOBODY)
    released = gives[owners.owner] & (taker >= 0) | gives_up[owners.owner] & nothing
    owner = np.where(released, taker, owners.owner).astype(np.int32)

    claims = ~roles.confirmed[track] & (track >= 0) & ~roles.prompted[owner]
    still_claims = (owners.claimant >= 0) & ~roles.matched[owners.claimant] & nothing
    kept = np.where(still_claims, owners.claimant, NOBODY)
    return owner, np.where(claims, track, kept).astype(np.int32)


def changed_tracks(before: Owners, owner: Int32, claimant: Int32) -> Int64:
    """Tracks whose points are not the same as before, ascending."""
    changes = [
        np.concatenate([old[old != new], new[old != new]])
        for old, new in ((before.owner, owner), (before.claimant, claimant))
    ]
    tracks = np.unique(np.concatenate(changes)).astype(np.int64)
    return tracks[tracks >= 0]


def keys_of_tracks(keys: Int64, owner: Int32, claimant: Int32, tracks: Int64) -> list[Int64]:
    """Sorted keys of the points that each of the given tracks owns or claims now."""
    if not len(tracks):
        return []
    wanted = np.append(np.zeros(max(owner.max(), claimant.max(), tracks.max()) + 1, bool), False)
    wanted[tracks] = True
    rows = [np.flatnonzero(wanted[holder]) for holder in (owner, claimant)]
    track = np.concatenate([owner[rows[0]], claimant[rows[1]]])
    key = np.concatenate([keys[rows[0]], keys[rows[1]]])
    order = np.lexsort((key, track))
    starts = np.searchsorted(track[order], tracks)
    return np.split(key[order], starts[1:])
