"""Relations between objects, computed from the voxels that were seen of them.

Maps show surfaces, and what lies under a thing is hidden by it: an object's footprint is grown by
a margin before it is compared with what is below and around.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from seg3d_ros.distinct import distinct
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.scene import Bool, Float32, Float64, Int64
from seg3d_ros.text.phrases import ORDERS, Relation

NEAR_M = 1.0
BESIDE_M = 0.5
_CELL_M = 0.05
_MARGIN_CELLS = 2  # by which a footprint is grown: what a cup hides of the table around it
_TOUCH_M = 0.08  # gap across which things touch: noise of depth, rims of masks
_LEVEL_M = 0.05  # by which a lower side may lie below the upper side of what is under it
_SUPPORTED = 0.2  # share of the footprint with a support under it or beside it
_COVERED = 0.5  # share of the footprint of the smaller thing that has the other one over it
_TUCKED = 0.3  # the same of a chair under a table
_INSIDE = 0.7  # share of the points within the box of a container
_SECTORS, _WALLED = 24, 0.5  # directions around the middle, and the share with a wall
_BETWEEN_DEGREES = 120.0  # angle under which two anchors are seen from between them
_SHEET_M, _SHEET_HEIGHT_M = 0.3, 1.0  # thickness and height of walls, doors, whiteboards
_GROUND_M = 0.2  # between the lower sides of things that stand on the same ground
_SAMPLES = 500  # points of an object that distances are taken from
_FARTHEST_CELL = 1 << 20


class Evidence(NamedTuple):
    """Reason why a relation holds.

    Attributes:
        distance: metres between the surfaces, or what else to rank by; smaller is better.
        reason: in words, to be followed by the anchor.
    """

    distance: float
    reason: str


class Shape:
    """Voxels of an object as columns of a grid of 5 cm; all of it is computed when needed."""

    def __init__(self, known: MapObject) -> None:
        self.object = known
        self.points = known.points
        self.lowest: Float32 = known.points.min(axis=0)
        self.highest: Float32 = known.points.max(axis=0)
        self.low, self.high = float(self.lowest[2]), float(self.highest[2])
        self.middle: Float64 = known.points.mean(axis=0, dtype=np.float64)

    @property
    def shift(self) -> Float64:
        """From local coordinates to the map frame (3,), up to parts of a voxel; metres."""
        return self.object.centroid - self.middle

    @cached_property
    def by_cell(self) -> tuple[Int64, Float32]:
        """Cells (K,) of the points, ascending, and their heights (K,)."""
        cells = _cells_of(self.points[:, :2])
        order = np.argsort(cells, kind="stable")
        return cells[order], self.points[order, 2]

    @cached_property
    def columns(self) -> tuple[Int64, Float32, Float32]:
        """Cells (C,) of the footprint, ascending, with their lowest and highest points (C,)."""
        of_points, heights = self.by_cell
        cells, starts = np.unique(of_points, return_index=True)
        lowest: Float32 = np.minimum.reduceat(heights, starts)
        return cells, lowest, np.maximum.reduceat(heights, starts)

    @cached_property
    def around(self) -> Int64:
        """Cells of the footprint and those beside them."""
        return distinct((self.columns[0][:, None] + np.array(_neighbours())).ravel())

    def within(self, cells: Int64) -> tuple[Int64, Float32]:
        """Cells (P,) and heights (P,) of the points in some cells."""
        of_points, heights = self.by_cell
        starts = np.searchsorted(of_points, cells, side="left")
        counts = np.searchsorted(of_points, cells, side="right") - starts
        rows = np.repeat(starts - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        return of_points[rows], heights[rows]

    @cached_property
    def is_sheet(self) -> bool:
        """Whether it is upright and thin, so that things hang on it."""
        _, width, height = self.object.box.size
        return bool(width < _SHEET_M and height > _SHEET_HEIGHT_M)

    @cached_property
    def tree(self) -> cKDTree:
        """Its points for searches of the nearest."""
        return cKDTree(self.points)

    def is_apart(self, other: Shape, distance: float) -> bool:
        """Whether another one is farther away than a distance, metres, by its bounds."""
        gaps = np.maximum(self.lowest - other.highest, other.lowest - self.highest)
        return bool(np.linalg.norm(np.maximum(gaps, 0)) > distance)

    def distance(self, other: Shape) -> float:
        """Metres from the sampled points of this to the nearest ones of another."""
        step = -(-len(self.points) // _SAMPLES)
        return float(other.tree.query(self.points[::step])[0].min())


class Shapes:
    """Shapes of objects, each made once."""

    def __init__(self) -> None:
        self._by_id: dict[int, Shape] = {}

    def of(self, known: MapObject) -> Shape:
        """Shape of an object."""
        if known.id not in self._by_id:
            self._by_id[known.id] = Shape(known)
        return self._by_id[known.id]


def relation_evidence(
    relation: Relation, thing: Shape, anchors: Sequence[Shape], distance: float = 0.0
) -> Evidence | None:
    """Reason why a relation holds, None where it does not.

    Args:
        relation: any.
        thing: that may be in it.
        anchors: one, two for `BETWEEN`; none of them is the thing.
        distance: largest one of `NEAR`, metres; 0: the usual one.
    """
    first = anchors[0]
    if relation is Relation.BETWEEN:
        return _between(thing, first, anchors[1])
    if relation in ORDERS:
        gap = thing.distance(first)
        sign = 1 if relation is Relation.NEAREST else -1
        return Evidence(sign * gap, f"{gap:.2f} m from")
    if relation in (Relation.NEAR, Relation.BESIDE):
        return _near(relation, thing, first, distance)
    if relation is Relation.ON:
        return _on(thing, first)
    if relation is Relation.IN:
        return _in(thing, first)
    upper, lower = (thing, first) if relation is Relation.ABOVE else (first, thing)
    return Evidence(0.0, relation.value) if _is_above(upper, lower) else None


def _near(relation: Relation, thing: Shape, anchor: Shape, distance: float) -> Evidence | None:
    limit = BESIDE_M if relation is Relation.BESIDE else distance or NEAR_M
    if thing.is_apart(anchor, limit):
        return None
    gap = thing.distance(anchor)
    if gap > limit:
        return None
    if relation is Relation.BESIDE and _is_stacked(thing, anchor):
        return None
    return Evidence(gap, f"{gap:.2f} m from")


def _is_stacked(one: Shape, other: Shape) -> bool:
    """Whether one of two things is in the other, or on or above it without standing beside it."""
    orders = ((one, other), (other, one))
    if any(_in(inner, outer) for inner, outer in orders):
        return True
    if abs(one.low - other.low) <= _GROUND_M:  # a chair pushed under a table is next to it
        return False
    return any(_on(upper, lower) or _is_above(upper, lower) for upper, lower in orders)


def _on(thing: Shape, anchor: Shape) -> Evidence | None:
    """Support from below, under the middle of the thing; or contact with an upright sheet."""
    if thing.is_apart(anchor, _TOUCH_M + _MARGIN_CELLS * _CELL_M):
        return None
    if anchor.is_sheet and not thing.is_sheet:
        gap = thing.distance(anchor)
        lifted = thing.low > anchor.low + _TOUCH_M
        return Evidence(gap, "on the side of") if gap <= _TOUCH_M and lifted else None
    height = _height_under(thing, anchor)
    gap = abs(height - thing.low)
    # A floor does not lie on its rug, though noise may lift it.
    over = thing.middle[2] > height or len(thing.columns[0]) < len(anchor.columns[0])
    if gap > _TOUCH_M or not over or not _is_over_box(thing, anchor, _TOUCH_M):
        return None
    return Evidence(gap, f"{100 * gap:.0f} cm over the surface of")


def _height_under(thing: Shape, anchor: Shape) -> float:
    """Mean height of what an anchor has at the lower side of a thing; infinite: too little."""
    cells, heights = anchor.within(thing.around)
    level = np.abs(heights - thing.low) <= _TOUCH_M
    touched = len(np.unique(cells[level]))
    if touched < _SUPPORTED * len(thing.columns[0]):
        return float("inf")
    return float(heights[level].mean())


def _is_over_box(thing: Shape, anchor: Shape, margin: float) -> bool:
    """Whether the middle of a thing is over or under the box of an anchor; margin in metres."""
    box = anchor.object.box
    place = thing.middle + anchor.shift
    return box.distance(np.array([*place[:2], box.center[2]])) <= margin


def _in(thing: Shape, anchor: Shape) -> Evidence | None:
    """Most of the thing in the box of the anchor, whose walls stand around it or carry it."""
    larger = np.prod(thing.object.box.size) >= np.prod(anchor.object.box.size)
    if larger or anchor.is_sheet or thing.is_apart(anchor, 0.0):
        return None
    share = float(_within_box(thing, anchor).mean())
    if share < _INSIDE:
        return None
    walls = _walled_share(thing, anchor)
    carried = np.isfinite(_height_under(thing, anchor))
    if walls < (_WALLED / 2 if carried else _WALLED):
        return None
    return Evidence(1 - share, f"{100 * share:.0f} % inside the box of")


def _within_box(thing: Shape, anchor: Shape) -> Bool:
    """(K,) points of a thing that the box of an anchor holds."""
    box = anchor.object.box
    inside = np.abs(box.local(thing.points + anchor.shift)) <= box.size / 2 + _LEVEL_M
    return np.all(inside, axis=1)


def _walled_share(thing: Shape, anchor: Shape) -> float:
    """Share of the directions from a thing's middle in which an anchor rises at its height."""
    heights = anchor.points[:, 2]
    beside = anchor.points[(heights > thing.low + _LEVEL_M) & (heights <= thing.high + _LEVEL_M)]
    offset = beside[:, :2] - thing.middle[:2]
    angles = np.arctan2(offset[:, 1], offset[:, 0])
    sectors = np.unique(np.floor((angles + np.pi) / (2 * np.pi) * _SECTORS).astype(np.int64))
    return len(sectors) / _SECTORS


def _is_above(upper: Shape, lower: Shape) -> bool:
    """Whether one thing is over another, touching it or not."""
    if upper.is_sheet or lower.is_sheet or upper.middle[2] <= lower.middle[2]:
        return False
    if _in(upper, lower) or _in(lower, upper):
        return False
    cells, lowest, _ = upper.columns
    beneath = _lowest_around(lower, cells) <= lowest + _LEVEL_M
    if beneath.mean() >= _COVERED and _is_over_box(upper, lower, 0.0):
        return True
    cells, _, highest = lower.columns
    upper_cells, _, tops = upper.columns
    rows = np.searchsorted(upper_cells, cells).clip(max=len(upper_cells) - 1)
    covered = (upper_cells[rows] == cells) & (tops[rows] >= highest - _LEVEL_M)
    return bool(covered.mean() >= _TUCKED)


def _lowest_around(shape: Shape, cells: Int64) -> Float32:
    """(C,) lowest points of a shape at cells and around them; infinite where it has none."""
    own, lowest, _ = shape.columns
    found = np.full(len(cells), np.inf, np.float32)
    for offset in _neighbours():
        rows = np.searchsorted(own, cells + offset).clip(max=len(own) - 1)
        hit = own[rows] == cells + offset
        found[hit] = np.minimum(found[hit], lowest[rows[hit]])
    return found


def _between(thing: Shape, one: Shape, other: Shape) -> Evidence | None:
    """Whether two anchors are seen in opposite directions, from above."""
    sides = [shape.points[shape.tree.query(thing.middle)[1]] for shape in (one, other)]
    first, second = (side[:2] - thing.middle[:2] for side in sides)
    lengths = float(np.linalg.norm(first) * np.linalg.norm(second))
    cosine = float(first @ second) / lengths if lengths else 1.0
    angle = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    if angle < _BETWEEN_DEGREES:
        return None
    return Evidence(180 - angle, f"{angle:.0f}° between")


def _cells_of(points: Float32) -> Int64:
    """(K,) cells of (K, 2) points as one number each."""
    x, y = np.floor(points / _CELL_M).astype(np.int64).T
    return x * 2 * _FARTHEST_CELL + y


def _neighbours() -> list[int]:
    """Differences between a cell and those around it, itself among them."""
    reach = range(-_MARGIN_CELLS, _MARGIN_CELLS + 1)
    return [dx * 2 * _FARTHEST_CELL + dy for dx in reach for dy in reach]
