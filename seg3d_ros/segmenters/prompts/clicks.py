"""Clicks: checks of their positions, and the voxels they hit."""

from __future__ import annotations

import numpy as np

from seg3d_ros.errors import InputError
from seg3d_ros.scene import Bool, Float32, Int64, Scene
from seg3d_ros.segmenters.segmenter import NothingThereError

CLICK_DISTANCE = 5.0  # voxels between a click and the surface it means


def check_clicks(points: Float32, foreground: Bool) -> None:
    """Refuse clicks that no segmenter can answer.

    Raises:
        InputError: the arrays do not fit together, a point is not finite, or none of them is
            foreground.
    """
    if points.ndim != 2 or points.shape[1] != 3 or foreground.shape != (len(points),):
        raise InputError(
            f"points {points.shape} and foreground {foreground.shape} do not fit together: "
            "expected (K, 3) and (K,)"
        )
    if not np.isfinite(points).all():
        raise InputError("a clicked point holds NaN or infinity; give finite coordinates")
    if not foreground.any():
        raise InputError("none of the points is foreground; mark at least one on the object")


def clicked_voxels(scene: Scene, points: Float32, foreground: Bool) -> Int64:
    """(K,) row of the voxel under each click; -1 for background clicks into the open.

    Raises:
        NothingThereError: a foreground click is too far from every voxel.
        InputError: a foreground and a background click are on the same voxel.
    """
    if not len(scene):
        raise NothingThereError("the map is empty around the clicked points; click on the map")
    rows = np.array(
        [_voxel_at(scene, point, needed=bool(on)) for point, on in zip(points, foreground)],
        np.int64,
    )
    if np.intersect1d(rows[foreground], rows[~foreground]).size:
        raise InputError(
            "a foreground and a background point lie on the same voxel; move them apart"
        )
    return rows


def _voxel_at(scene: Scene, point: Float32, *, needed: bool) -> int:
    """Row of the voxel under a point, -1 where there is none and none is needed."""
    limit = CLICK_DISTANCE * scene.voxel_size
    # Each request of a session brings all of its clicks: most voxels are ruled out by one axis.
    slab = np.flatnonzero(np.abs(scene.points[:, 0] - point[0]) <= 1.01 * limit)
    if len(slab):
        row, distance = _nearest(scene.points[slab], point)
        if distance <= limit:
            return int(slab[row])
    if needed:
        distance = _nearest(scene.points, point)[1]
        x, y, z = scene.grid.map_from_local(point)
        raise NothingThereError(
            f"nothing at ({x:.2f}, {y:.2f}, {z:.2f}): the nearest voxel is {distance:.2f} m "
            f"away; click within {limit:.2f} m of a mapped surface"
        )
    return -1


def _nearest(points: Float32, point: Float32) -> tuple[int, float]:
    """Row of the nearest of (N, 3) points, the first of equals, and its distance, metres."""
    offset = points - point
    square = np.einsum("ij,ij->i", offset, offset)
    row = int(np.argmin(square))
    return row, float(np.sqrt(square[row]))
