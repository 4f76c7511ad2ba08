"""Colours of the points of a map."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from seg3d_ros.objects.map_object import UNLABELLED, MapObject
from seg3d_ros.objects.point_owners import owner_of_points
from seg3d_ros.pictures.palette import color_of
from seg3d_ros.scene import Float32, Scene, UInt8

_DIMMING = 0.35  # part of its colour that a point of no object keeps
_LABEL_COLORS = 997  # a label's colour is one of so many of the palette
# From low to high, as readable for the colour-blind as on grey paper.
_SCORE_RAMP = np.array(
    [(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)], np.float32
)

ObjectColor = Callable[[MapObject], npt.ArrayLike]


def _of_score(known: MapObject) -> npt.ArrayLike:
    place = np.clip(known.score, 0, 1) * (len(_SCORE_RAMP) - 1)
    steps = np.arange(len(_SCORE_RAMP))
    return [np.interp(place, steps, channel) for channel in _SCORE_RAMP.T]


def _of_label(known: MapObject) -> npt.ArrayLike:
    if known.label == UNLABELLED:
        return (170, 170, 170)
    return color_of(zlib.crc32(known.label.encode()) % _LABEL_COLORS)


OBJECT_COLORS: dict[str, ObjectColor] = {
    "objects": lambda known: color_of(known.id),
    "names": _of_label,
    "score": _of_score,
}
CAMERA = "camera"  # the map's own colours
MODES = (CAMERA, *OBJECT_COLORS)


def scene_colors(scene: Scene, objects: Sequence[MapObject], mode: str) -> UInt8:
    """(N, 3) RGB of the points of a scene in one of MODES."""
    own = _bytes(scene.colors)
    if mode == CAMERA or not objects:
        return own
    palette = [OBJECT_COLORS[mode](known) for known in objects]
    owner = owner_of_points(scene, objects)
    colors = np.asarray(palette, np.float32).round().astype(np.uint8)[owner]
    free = owner < 0
    colors[free] = _bytes(scene.colors[free] * np.float32(_DIMMING))
    return colors


def _bytes(colors: Float32) -> UInt8:
    return np.rint(np.clip(colors, 0, 1) * 255).astype(np.uint8)
