"""Patches on floors and walls that differ in colour: rugs, pictures, screens, clocks.

What lies flat on a plane has no shape of its own, and one with a pattern is no segment of one
colour. But it is compact, and differs from the plane's usual colour.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from seg3d_ros.masks import Masks
from seg3d_ros.networks.kinds import WALL
from seg3d_ros.scene import Bool, Float32, Float64, Int64
from seg3d_ros.segmenters.geometric.color_segments import cielab
from seg3d_ros.segmenters.geometric.structure import Structure

_LIGHTNESS_WEIGHT = 0.5  # shadows change lightness more than hue
_UNUSUAL = 3.0  # median deviations from the plane's colour ...
_LEAST_DEVIATION = 8.0  # ... and in CIELAB, from which on a cell is unusual
_CLOSED = 3  # cells; narrower stripes of the plane's colour belong to a pattern
_LEAST_CELLS = 20
_LEAST_FILL = 0.65  # share of its rectangle that a patch covers
_FEWEST_VOXELS = 500  # of a plane on which patches are looked for


class PlanePatches(NamedTuple):
    """Patches over N voxels.

    Attributes:
        masks: M of them.
        fills: (M,) float32, share of its rectangle that each covers, in [0, 1].
    """

    masks: Masks
    fills: Float32


def plane_patches(
    points: Float32 | Float64, colors: Float32, structure: Structure, voxel_size: float
) -> PlanePatches:
    """Compact patches of unusual colour on floor, walls and ceiling.

    Args:
        points: (N, 3) metres.
        colors: (N, 3) RGB in [0, 1].
        structure: of the points.
        voxel_size: edge of the cells, metres.
    """
    lab = cielab(colors) * (_LIGHTNESS_WEIGHT, 1, 1)
    found = [
        (rows[patch], fill)
        for rows, flat in _planes(points, structure)
        for patch, fill in _patches(np.floor(flat / voxel_size).astype(np.int64), lab[rows])
    ]
    masks = Masks.of_rows([rows for rows, _ in found], len(points))
    return PlanePatches(masks, np.array([fill for _, fill in found], np.float32))


def _planes(points: Float32 | Float64, structure: Structure) -> Iterator[tuple[Int64, Float64]]:
    """Rows of the points of each plane, and their two coordinates along it."""
    parts = structure.parts()
    for part in np.unique(parts[parts >= 0]):
        rows = np.flatnonzero(parts == part)
        if len(rows) < _FEWEST_VOXELS:
            continue
        own = points[rows].astype(np.float64)
        if structure.kind[rows[0]] == WALL:
            level = own[:, :2] - own[:, :2].mean(axis=0)
            along = np.linalg.eigh(level.T @ level)[1][:, 1]
            yield rows, np.column_stack([level @ along, own[:, 2]])
        else:
            yield rows, own[:, :2]


def _patches(cells: Int64, lab: Float64) -> Iterator[tuple[Int64, float]]:
    """Rows and fill of each patch among voxels of a plane in these cells (K, 2)."""
    cells = cells - cells.min(axis=0)
    shape = tuple(cells.max(axis=0) + 1)
    where = np.ravel_multi_index(tuple(cells.T), shape)
    counts = np.bincount(where, minlength=np.prod(shape)).reshape(shape)
    sums = [np.bincount(where, channel, minlength=counts.size).reshape(shape) for channel in lab.T]
    unusual = counts > 0
    for width in (3, 1):  # the mean over some cells bears noise, that of one keeps the borders
        unusual &= _is_unusual(np.stack(sums, axis=-1), counts, width)
    labels, _ = ndimage.label(ndimage.binary_opening(unusual))
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0  # of what is usual
    for number in np.flatnonzero(sizes >= _LEAST_CELLS):
        if (fill := _fill(np.argwhere(labels == number))) >= _LEAST_FILL:
            yield np.flatnonzero(labels.ravel()[where] == number), fill


def _is_unusual(sums: Float64, counts: Int64, width: int) -> Bool:
    """Whether cells differ from the colour of most, means over squares of some cells; (H, W).

    Args:
        sums: (H, W, 3) weighted CIELAB of the voxels in each cell.
        counts: (H, W) their number.
        width: of the squares, cells.
    """
    number = ndimage.uniform_filter(counts.astype(np.float64), width)
    means = ndimage.uniform_filter(sums, (width, width, 1)) / np.maximum(number, 1e-9)[..., None]
    seen = counts > 0
    deviation = np.linalg.norm(means - np.median(means[seen], axis=0), axis=-1)
    limit = max(_UNUSUAL * float(np.median(deviation[seen])), _LEAST_DEVIATION)
    unusual: Bool = ndimage.binary_closing(seen & (deviation > limit), iterations=_CLOSED)
    return unusual


def _fill(cells: Int64) -> float:
    """Share of its rectangle along the principal axes that cells (K, 2) cover."""
    offsets = cells - cells.mean(axis=0)
    turned = offsets @ np.linalg.eigh(offsets.T @ offsets)[1]
    return float(len(cells) / (np.ptp(turned, axis=0) + 1).prod())
