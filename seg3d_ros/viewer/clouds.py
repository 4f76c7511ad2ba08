"""Clouds of one scene in several paintings, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seg3d_ros.pictures.id_colors import colors_of_ids
from seg3d_ros.pictures.viewpoint import below_lid, front_wall, wall_points
from seg3d_ros.scene import Bool, Float32, Int64, UInt8
from seg3d_ros.sparse.hash_index import first_rows
from seg3d_ros.sparse.voxel_keys import keys_of_points

MAX_POINTS = 200_000  # of a panel; three of them keep a browser smooth
_COARSER = 1.25
_VIEWER_AZIMUTH = -np.pi / 2  # looking along y
_NO_INSTANCE = np.array((170, 170, 170), np.uint8)


@dataclass(frozen=True, eq=False)
class Panel:
    """Colours and captions of one of the clouds.

    Attributes:
        colors: (N, 3) uint8 RGB.
        captions: name and place (3,) float32 of each instance whose name is known.
    """

    colors: UInt8
    captions: tuple[tuple[str, Float32], ...] = ()


@dataclass(frozen=True, eq=False)
class Clouds:
    """One scene in several paintings, scaled so that it stands on a square of edge 1.

    Attributes:
        points: (N, 3) float32; the middle of the floor is the origin, z is up.
        cover: (N,) True for ceiling and front wall, which would hide the room.
        point_size: edge of a point; neighbours touch.
        panels: from left to right.
    """

    points: Float32
    cover: Bool
    point_size: float
    panels: tuple[Panel, ...]


@dataclass(frozen=True, eq=False)
class Canvas:
    """A scene that is thinned out and set up to be painted several times.

    Attributes:
        rows: (M,) int64 of the scene's points, one a voxel.
        points, cover, point_size: see `Clouds`.
    """

    rows: Int64
    points: Float32
    cover: Bool
    point_size: float

    @classmethod
    def of(cls, points: Float32, voxel_size: float) -> Canvas:
        """Take one of (N, 3) points a voxel, metres; larger voxels where that are too many."""
        rows, spacing = _thinned(points, voxel_size)
        kept = points[rows]
        placed, scale = _on_unit_square(kept)
        in_front = front_wall(kept, wall_points(kept), _VIEWER_AZIMUTH)
        return cls(rows, placed, np.asarray(in_front | ~below_lid(kept)), spacing * scale)

    def own_colors(self, colors: Float32) -> Panel:
        """The scene in its own colours, (N, 3) in [0, 1]."""
        return Panel(np.rint(np.clip(colors[self.rows], 0, 1) * 255).astype(np.uint8))

    def instances(self, ids: Int64, *, kinds: Int64, names: Sequence[str]) -> Panel:
        """Instances in colours of their own, each with its name above it.

        Args:
            ids: (M,) instance of each point, -1 for none.
            kinds: (M,) place of its name in `names`, -1 for none.
            names: none: no captions.
        """
        palette = colors_of_ids(np.arange(ids.max(initial=-1) + 1, dtype=np.uint32))
        captions = _captions(self.points, ids, kinds, names) if names else ()
        return Panel(np.vstack([palette, _NO_INSTANCE])[ids], captions)

    def clouds(self, *panels: Panel) -> Clouds:
        """The paintings side by side."""
        return Clouds(self.points, self.cover, self.point_size, panels)


def _on_unit_square(points: Float32) -> tuple[Float32, float]:
    """Points moved and scaled as in `Clouds`, and the scale, 1/m."""
    low, high = points.min(axis=0), points.max(axis=0)
    scale = 1 / max(float((high - low)[:2].max()), 1e-6)
    origin = np.array([*(low + high)[:2] / 2, low[2]], np.float32)
    return ((points - origin) * np.float32(scale)), scale


def matched_ids(ids: Int64, reference: Int64) -> tuple[Int64, int]:
    """Give instances that are the same the same id.

    Args:
        ids: (N,) instance of each point, -1 for none.
        reference: (N,) other instances of the same points, -1 for none.

    Returns:
        (N,) ids: of instances that have a partner the partner's id, of others one that no
        instance of `reference` has, and -1; the number of partners.
    """
    partner = partners(ids, reference)
    alone = np.arange(len(partner)) + reference.max(initial=-1) + 1
    number = np.append(np.where(partner >= 0, partner, alone), -1)  # the last: of no instance
    return number[ids], int((partner >= 0).sum())


def partners(predicted: Int64, truth: Int64) -> Int64:
    """For each predicted id the true one that it covers with an IoU above 1/2, or else -1.

    Above one half a partner is the only one, so there is nothing to assign.

    Args:
        predicted: (N,) ids, -1 for none; points without a true instance do not count.
        truth: (N,) ids, -1 for none.
    """
    partner = np.full(predicted.max(initial=-1) + 1, -1, np.int64)
    labelled = truth >= 0
    both = labelled & (predicted >= 0)
    stride = truth.max(initial=-1) + 1
    pairs, shared = np.unique(predicted[both] * stride + truth[both], return_counts=True)
    guess, target = np.divmod(pairs, stride)
    union = np.bincount(predicted[both])[guess] + np.bincount(truth[labelled])[target] - shared
    found = 2 * shared > union
    partner[guess[found]] = target[found]
    return partner


def _thinned(points: Float32, voxel_size: float) -> tuple[Int64, float]:
    """Rows of at most MAX_POINTS of (N, 3) points, one a voxel, and the edge of these voxels."""
    rows = first_rows(keys_of_points(points, voxel_size))
    while len(rows) > MAX_POINTS:
        voxel_size *= _COARSER
        rows = rows[first_rows(keys_of_points(points[rows], voxel_size))]
    return rows, voxel_size


def _captions(
    points: Float32, ids: Int64, kinds: Int64, names: Sequence[str]
) -> tuple[tuple[str, Float32], ...]:
    instances, first = np.unique(ids, return_index=True)
    return tuple(
        (names[kinds[row]], _top(points[ids == instance]))
        for instance, row in zip(instances, first, strict=True)
        if instance >= 0 and kinds[row] >= 0
    )


def _top(points: Float32) -> Float32:
    return np.append(points[:, :2].mean(axis=0), points[:, 2].max())
