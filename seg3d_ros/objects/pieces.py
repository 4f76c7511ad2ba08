"""Pieces of known objects: segments that lie within a larger one and look like it.

The arm that a sofa's mask leaves out, or a shelf's board, is seldom a thing of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seg3d_ros.masks import Int32
from seg3d_ros.objects.tracking import Track
from seg3d_ros.scene import Bool, Float32, Scene

_SAME_COLOR = 0.1  # distance of mean colours, RGB in [0, 1]
_INSIDE_SHARE = 0.5  # of its voxels, in the box of the other
_MARGIN = 2  # voxels around that box


def find_pieces(
    tracks: Sequence[Track], scene: Scene, of_point: Int32, colors: Float32, asked: Sequence[int]
) -> Bool:
    """(S,) whether a segment seems to be a piece of a known object; none is without colours.

    Args:
        tracks: known and waiting objects.
        scene: of N points.
        of_point: (N,) segment of each point, negative where there is none.
        colors: (S, 3) mean colours of the segments.
        asked: segments to look at; the others count as no pieces.
    """
    pieces = np.zeros(len(colors), bool)
    if not asked or (scene.colors == scene.colors[0]).all():
        return pieces
    hosts = [(track.known, track.look.color) for track in tracks if track.confirmed and track.look]
    for segment in asked:
        alike = [
            known
            for known, color in hosts
            if np.linalg.norm(color - colors[segment]) < _SAME_COLOR
        ]
        if not alike:
            continue
        points = scene.grid.map_from_local(scene.points[of_point == segment])
        margin = _MARGIN * scene.voxel_size
        pieces[segment] = any(
            len(known) > len(points)
            and np.mean(known.box.distances(points) <= margin) >= _INSIDE_SHARE
            for known in alike
        )
    return pieces
