"""Objects made or refined by a person's clicks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from seg3d_ros.objects.box import voxel_box
from seg3d_ros.objects.elements import Elements
from seg3d_ros.objects.map_object import MapObject, with_elements
from seg3d_ros.objects.tracking import Track
from seg3d_ros.scene import Scene
from seg3d_ros.sparse.hash_index import build_index, find_rows

_SAME_SHARE = 0.5  # of the mask and of the object; disjoint objects cannot both share more


def find_clicked(tracks: Sequence[Track], scene: Scene, body: Elements) -> Track | None:
    """Track that a person's mask shows anew; known objects come before waiting ones.

    Mask and object are the same when they share more than half of the mask's elements and of
    those that the object has in the scene.

    Args:
        tracks: known and waiting objects.
        scene: what the person saw.
        body: elements of the mask, in the scene.
    """
    in_mask = build_index(body.ids)
    for track in sorted(tracks, key=lambda track: not track.confirmed):
        ids = track.known.element_ids
        shared = np.count_nonzero(find_rows(in_mask, ids) >= 0)
        if shared > _SAME_SHARE * len(body.ids):
            in_scene = np.count_nonzero(find_rows(build_index(scene.element_ids), ids) >= 0)
            if shared > _SAME_SHARE * in_scene:
                return track
    return None


def prompted_object(
    known: MapObject | None, body: Elements, scene: Scene, *, name: str | None, score: float
) -> MapObject:
    """Object with a person's mask for a body.

    Args:
        known: object that the mask shows; its elements outside the scene, id, embeddings and name
            stay. What waits for an id keeps none outside, where it may only claim what others own.
            None: a new one, with id 0.
        body: elements of the mask, in the scene.
        scene: what the person saw.
        name: given by the person, or None.
        score: confidence in [0, 1].
    """
    if known is None:
        box, centroid = voxel_box(body.points, scene.grid)
        known = MapObject(0, *body, box, centroid, score, scene.stamp_ns, scene.stamp_ns)
    else:
        outside = find_rows(build_index(scene.element_ids), known.element_ids) < 0
        outside &= known.id > 0
        known = with_elements(known, body.joined(known.elements.select(outside)), scene.grid)
    return replace(
        known,
        score=score,
        last_seen_ns=scene.stamp_ns,
        prompted=True,
        deleted=False,
        pinned_label=name or known.pinned_label,
    )
