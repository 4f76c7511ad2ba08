"""Size and height above the floor as a witness of what an object is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from seg3d_ros.objects.box import Box
from seg3d_ros.scene import Float32, Float64, Int64, Scene
from seg3d_ros.text.known_words import STRUCTURE, typical_sizes

_BLUR_M = 0.04  # edges of voxels and rims of masks
_SMALLER, _LARGER = 0.8, 0.4  # spread of log sizes; an object may be seen in part only
_HEIGHT_M = 0.3  # spread of heights above the floor
_NO_SIZE = np.exp(-4.0)  # likelihood of any size of a thing that the table lacks
_FLOOR_STEP_M = 0.05
_FLOOR_STEPS = 3  # of the map's lowest voxels, up and down, where its floor may be
_FLOOR_AREA_M2 = 2.0
_THIN_M = 0.3  # with the noise of depth
_WIDE_M = 1.8
_RUG_AREA_M2 = 6.0  # level things on the floor may be rugs up to this
_FLOOR_RISE_M = 0.2
_CEILING_M = 1.9


class Measures(NamedTuple):
    """Measures of M objects, metres.

    Attributes:
        extents: (M, 3) length, width and height of their boxes.
        bottom: (M,) height of their lower side above the floor; NaN where no floor was seen.
    """

    extents: Float64
    bottom: Float64


def measure(boxes: Sequence[Box], floor: float | None) -> Measures:
    """Measures of boxes; `floor` is its height in the map frame, metres, None: not seen."""
    extents = np.array([box.size for box in boxes]).reshape(-1, 3)
    lower = np.array([box.center[2] - box.size[2] / 2 for box in boxes])
    return Measures(extents, lower - (np.nan if floor is None else floor))


def floor_height(points: Float32, voxel_size: float) -> float | None:
    """Height of the floor in a map, or None where no level surface of 2 m² is at its bottom.

    Args:
        points: (N, 3) one a voxel, metres, z up.
        voxel_size: metres.
    """
    if not len(points):
        return None
    lowest = np.quantile(points[:, 2], 0.01)
    steps = np.floor((points[:, 2] - lowest) / _FLOOR_STEP_M).astype(np.int64)
    near = steps[(steps >= -_FLOOR_STEPS) & (steps <= _FLOOR_STEPS)]
    counts = np.bincount(near - near.min()) if len(near) else np.zeros(1, np.int64)
    if counts.max() * voxel_size**2 < _FLOOR_AREA_M2:
        return None
    return float(lowest + (int(counts.argmax()) + near.min() + 0.5) * _FLOOR_STEP_M)


def floor_of(scene: Scene) -> float | None:
    """Height of the floor of a scene in the map frame, metres; None where none is seen."""
    height = floor_height(scene.points, scene.voxel_size)
    return None if height is None else height + float(scene.origin[2])


def size_likelihoods(measures: Measures) -> Float64:
    """Likelihoods (M, R + 1) of measures for the rows of the table of sizes, and for none."""
    extents, bottom = _table()
    ratio = np.log((measures.extents[:, None] + _BLUR_M) / (extents + _BLUR_M))  # (M, R, 3)
    spread = np.where(ratio < 0, _SMALLER, _LARGER)
    surprise = np.log1p((ratio / spread) ** 2).sum(axis=2)
    height = measures.bottom[:, None]
    outside = np.maximum(bottom[:, 0] - height, 0) + np.maximum(height - bottom[:, 1], 0)
    surprise += np.nan_to_num(np.log1p((outside / _HEIGHT_M) ** 2))
    return np.pad(np.exp(-surprise), ((0, 0), (0, 1)), constant_values=_NO_SIZE)


def structure_of(measures: Measures, by_model: Int64) -> Int64:
    """Word of STRUCTURE (M,) that each object must be, -1 for things.

    Large level sheets at the floor and above heads are floor and ceiling. A large upright sheet
    may be the front of a wardrobe as well: it is a wall where the model says so, too.

    Args:
        measures: of M objects.
        by_model: (M,) word of STRUCTURE that a model saw in them, -1 for none.
    """
    length, width, height = measures.extents.T
    floor, wall, ceiling = range(len(STRUCTURE))
    level = (height < _THIN_M) & (length * width > _FLOOR_AREA_M2)
    at_floor = level & (np.abs(measures.bottom + height / 2) < _FLOOR_RISE_M)
    sure = (length * width > _RUG_AREA_M2) | (by_model == floor)
    upright = (width < _THIN_M) & (np.minimum(length, height) > _WIDE_M)
    word = np.where(upright & (by_model == wall), wall, -1)
    word = np.where(at_floor & sure, floor, word)
    return np.where(level & (measures.bottom > _CEILING_M), ceiling, word)


@cache
def _table() -> tuple[Float64, Float64]:
    rows = typical_sizes()
    return np.array([row.extents for row in rows]), np.array([row.bottom for row in rows])
