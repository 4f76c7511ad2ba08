"""Points of a scene painted by object, packed as clouds hold them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.kernels import kernel
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.point_owners import owner_of_points
from seg3d_ros.pictures.id_colors import NO_OBJECT
from seg3d_ros.pictures.palette import color_of
from seg3d_ros.scene import Scene

PAINTED_POINT = np.dtype(
    [("xyz", "<f4", 3), ("rgb", "<u4"), ("instance_id", "<u4"), ("score", "<f4")]
)
_WORDS = PAINTED_POINT.itemsize // 4


def painted_points(
    scene: Scene, objects: Sequence[MapObject], *, dimming: float
) -> npt.NDArray[Any]:
    """The scene with each object in its own color.

    Args:
        scene: N points.
        objects: to paint.
        dimming: part of its color that a point of no object keeps.

    Returns:
        (N,) PAINTED_POINT: position in the map frame, metres; 0x00RRGGBB; id of the object, or
        NO_OBJECT, and its score.
    """
    painted = np.empty(len(scene), PAINTED_POINT)
    red, green, blue = np.array([color_of(o.id) for o in objects], np.uint32).reshape(-1, 3).T
    _paint(
        scene.points,
        scene.origin,
        scene.colors,
        np.float32(dimming),
        owner_of_points(scene, objects),
        np.append((red << 16) | (green << 8) | blue, 0).astype(np.uint32),
        np.array([*(o.id for o in objects), NO_OBJECT], np.uint32),
        np.array([*(o.score for o in objects), 0], np.float32),
        painted.view(np.float32).reshape(-1, _WORDS),
        painted.view(np.uint32).reshape(-1, _WORDS),
    )
    return painted


@kernel(inline="always")
def _byte(value):  # type: ignore[no-untyped-def]
    return np.uint32(np.rint(min(max(value, np.float32(0)), np.float32(1)) * np.float32(255)))


@kernel
def _paint(points, origin, colors, dimming, owner, rgb, ids, scores, floats, words):  # type: ignore[no-untyped-def]
    """Fill rows that are seen as float32 and as uint32; the last entry of a table is nobody's."""
    for i in range(len(points)):
        for axis in range(3):
            floats[i, axis] = np.float32(points[i, axis] + origin[axis])
        track = owner[i]
        if track < 0:
            red, green = _byte(colors[i, 0] * dimming), _byte(colors[i, 1] * dimming)
            words[i, 3] = (red << 16) | (green << 8) | _byte(colors[i, 2] * dimming)
        else:
            words[i, 3] = rgb[track]
        words[i, 4] = ids[track]
        floats[i, 5] = scores[track]
