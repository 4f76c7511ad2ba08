"""Choice of keyframes: frames that show places from directions not seen, or seen blurred.

A frame is sampled on a coarse grid of pixels. Each sample falls into a bin: the cell of space it
lies in, the direction it is seen from, and the range. A bin belongs to the keyframe that shows it
best; a frame most of whose bins belong to none is worth keeping, and a keyframe that has lost
its bins to others is of no use any more.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from seg3d_ros.mapping.keyframes.keyframe import COARSE, DEPTH_UNIT, Keyframe
from seg3d_ros.mapping.keyframes.sharpness import sharpness
from seg3d_ros.scene import Float64, Frame, Int64

_GRID = (12, 16)  # samples down and across
_CELL_M = 0.5
_SECTORS = 8  # of the azimuth
_STEEP = 0.5  # sine of the elevation from which on something is seen from above or below
_FARTHEST_M = 10.0
_MIN_MEASURED = 0.25  # of the samples
_MIN_NEW = 0.3  # of the samples that were measured
_SHARPER = 1.3  # times as sharp is worth another keyframe
_STALE_NS = 120 * 10**9  # things may have changed since
# Numbers that spread cells, sector and kind of range over 64 bits; collisions do no harm.
_SPREAD = np.array([0x1F85EBCA6B2E3D21, 0x42B2AE3D27D4EB4F, 0x165667B19E3779F9, 32, 1], np.int64)


class Candidate(NamedTuple):
    """A frame that is worth keeping: its bins without a good owner, and its sharpness."""

    bins: list[int]
    sharpness: float


@dataclass(frozen=True)
class _Owner:
    """Keyframe that shows a bin best."""

    keyframe_id: int
    sharpness: float
    stamp_ns: int


class Coverage:
    """Bins and their owners. Not thread-safe."""

    def __init__(self) -> None:
        self._owners: dict[int, _Owner] = {}
        self._bins: dict[int, set[int]] = {}  # of each keyframe

    def examine(self, frame: Frame) -> Candidate | None:
        """Decide on an organised frame; None where it adds too little."""
        bins = _bins_of_frame(frame)
        if len(bins) < _MIN_MEASURED * _GRID[0] * _GRID[1]:
            return None
        sharp = sharpness(frame.colors.reshape(*frame.grid, 3))  # type: ignore[misc]
        seen = Counter(bins.tolist())
        new = [key for key in seen if self._is_new(key, sharp, frame.stamp_ns)]
        if sum(seen[key] for key in new) < _MIN_NEW * len(bins):
            return None
        return Candidate(new, sharp)

    def take(self, keyframe_id: int, candidate: Candidate, stamp_ns: int) -> None:
        """Give a keyframe its bins."""
        owner = _Owner(keyframe_id, candidate.sharpness, stamp_ns)
        for key in candidate.bins:
            if key in self._owners:
                self._bins[self._owners[key].keyframe_id].discard(key)
            self._owners[key] = owner
        self._bins[keyframe_id] = set(candidate.bins)

    def take_known(self, keyframe: Keyframe) -> None:
        """Give the bins that nobody has to a keyframe of a file."""
        bins = set(_bins_of_keyframe(keyframe).tolist()) - self._owners.keys()
        candidate = Candidate(sorted(bins), keyframe.sharpness)
        self.take(keyframe.id, candidate, keyframe.stamp_ns)

    def drop(self, keyframe_id: int) -> None:
        """Take a keyframe out; what it alone has shown is unseen again."""
        for key in self._bins.pop(keyframe_id):
            del self._owners[key]

    def usefulness(self, keyframe_id: int) -> int:
        """Number of bins that it shows best."""
        return len(self._bins[keyframe_id])

    def _is_new(self, key: int, sharp: float, stamp_ns: int) -> bool:
        owner = self._owners.get(key)
        if owner is None or sharp > _SHARPER * owner.sharpness:
            return True
        return abs(stamp_ns - owner.stamp_ns) > _STALE_NS


def _bins_of_frame(frame: Frame) -> Int64:
    """Bin of each sample of a frame that was measured."""
    assert frame.grid is not None
    rows, columns = _sampled(frame.grid)
    with np.errstate(invalid="ignore"):  # bytes that are no numbers
        points = frame.points.reshape(*frame.grid, 3)[rows, columns].astype(np.float64)
    return _bins(points.reshape(-1, 3), frame.map_from_sensor)


def _bins_of_keyframe(keyframe: Keyframe) -> Int64:
    rows, columns = _sampled(keyframe.coarse_depth.shape)
    camera = keyframe.camera
    depth = keyframe.coarse_depth[rows, columns] * DEPTH_UNIT
    x = (columns * COARSE - camera.cx) / camera.fx * depth
    y = (rows * COARSE - camera.cy) / camera.fy * depth
    return _bins(np.stack([x, y, depth], axis=-1).reshape(-1, 3), keyframe.map_from_camera)


def _sampled(size: tuple[int, ...]) -> tuple[Int64, Int64]:
    """Rows (R, 1) and columns (C,) of the samples of an image."""
    rows, columns = (
        ((np.arange(count) + 0.5) * side / count).astype(np.int64)
        for count, side in zip(_GRID, size, strict=True)
    )
    return rows[:, None], columns


def _bins(points: Float64, map_from_sensor: Float64) -> Int64:
    """Bins of those of (N, 3) points of a sensor that were measured."""
    with np.errstate(invalid="ignore", over="ignore"):
        ranges = np.linalg.norm(points, axis=1)
        measured = (ranges > 0) & (ranges < _FARTHEST_M)
    points, ranges = points[measured], ranges[measured]
    rays = points @ map_from_sensor[:3, :3].T
    # Half a cell aside: floors lie at height 0, and would flicker between two cells.
    cells = np.floor((rays + map_from_sensor[:3, 3]) / _CELL_M + 0.5)
    sector = np.floor((np.arctan2(rays[:, 1], rays[:, 0]) / np.pi + 1) / 2 * _SECTORS)
    slope = rays[:, 2] / ranges
    elevation = (slope > _STEEP).astype(np.float64) - (slope < -_STEEP)
    band = np.clip(np.floor(np.log2(ranges)), -2, 3)  # a factor of two is another range
    kinds = np.column_stack([cells, sector, 3 * (band + 2) + elevation + 1])
    with np.errstate(over="ignore"):
        return (kinds.astype(np.int64) * _SPREAD).sum(axis=1)
