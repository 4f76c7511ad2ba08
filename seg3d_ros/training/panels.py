"""Panels of the training viewer: input, ground truth and prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seg3d_ros.datasets.scene_dataset import one_point_per_voxel
from seg3d_ros.networks.batch import SceneBatch
from seg3d_ros.pictures.id_colors import colors_of_ids
from seg3d_ros.pictures.viewpoint import below_lid, front_wall, wall_points
from seg3d_ros.scene import Bool, Float32, Int64, UInt8
from seg3d_ros.training.point_instances import PointInstances
from seg3d_ros.viewer.side_by_side import Clouds, Panel, on_unit_square

TITLES = ("input", "ground truth", "prediction")
MAX_POINTS = 200_000  # of a panel; three of them keep a browser smooth
_COARSER = 1.25
_VIEWER_AZIMUTH = -np.pi / 2  # looking along y
_NO_INSTANCE = np.array((170, 170, 170), np.uint8)


@dataclass(frozen=True, eq=False)
class Panels:
    """Three pictures of one scene, those of TITLES.

    Attributes:
        clouds: to show.
        found: true instances that a predicted one covers with an IoU above 1/2 ...
        objects: ... out of so many.
    """

    clouds: Clouds
    found: int
    objects: int


def make_panels(
    batch: SceneBatch,
    prediction: PointInstances,
    *,
    voxel_size: float,
    class_names: Sequence[str] = (),
) -> Panels:
    """Paint the first scene of a batch; a found object has one colour in both panels.

    Args:
        batch: what the network saw; its first scene has at least one point.
        prediction: for this scene.
        voxel_size: metres; a voxel shows one point. Larger where that makes over MAX_POINTS.
        class_names: names of the values of `batch.segment`; no captions if empty.
    """
    of_batch = (batch.points, batch.colors, batch.segment, batch.instance)
    points, colors, segment, truth = (t[: batch.sizes[0]].cpu().numpy() for t in of_batch)
    predicted = prediction.ids.cpu().numpy()
    rows, spacing = _thin(points, voxel_size)
    points, truth, predicted = points[rows], truth[rows], predicted[rows]
    placed, scale = on_unit_square(points)
    partner = partners(predicted, truth)
    unmatched = np.arange(len(partner)) + truth.max() + 1
    number = np.append(np.where(partner >= 0, partner, unmatched), -1)  # the last: of no instance
    true_names = _captions(placed, truth, kinds=segment[rows], names=class_names)
    predicted_names = _captions(placed, predicted, kinds=predicted, names=prediction.names)
    panels = (
        Panel(np.rint(np.clip(colors[rows], 0, 1) * 255).astype(np.uint8)),
        Panel(_painted(truth), true_names),
        Panel(_painted(number[predicted]), predicted_names),
    )
    return Panels(
        Clouds(placed, _cover(points), spacing * scale, panels),
        found=int((partner >= 0).sum()),
        objects=len(np.unique(truth[truth >= 0])),
    )


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


def _thin(points: Float32, voxel_size: float) -> tuple[Int64, float]:
    """Rows of at most MAX_POINTS points, one a voxel, and the edge of these voxels."""
    rows = one_point_per_voxel(points, voxel_size)
    while len(rows) > MAX_POINTS:
        voxel_size *= _COARSER
        rows = rows[one_point_per_voxel(points[rows], voxel_size)]
    return rows, voxel_size


def _cover(points: Float32) -> Bool:
    in_front = front_wall(points, wall_points(points), _VIEWER_AZIMUTH)
    return np.asarray(in_front | ~below_lid(points))


def _painted(ids: Int64) -> UInt8:
    """(N, 3) palette colours of (N,) ids; grey where an id is -1."""
    palette = colors_of_ids(np.arange(ids.max(initial=-1) + 1, dtype=np.uint32))
    return np.vstack([palette, _NO_INSTANCE])[ids]


def _captions(
    points: Float32, ids: Int64, *, kinds: Int64, names: Sequence[str]
) -> tuple[tuple[str, Float32], ...]:
    """Names of the instances, each above its own; `kinds` (N,) counts in `names`."""
    if not names:
        return ()
    instances, first = np.unique(ids, return_index=True)
    return tuple(
        (names[kinds[row]], _top(points[ids == instance]))
        for instance, row in zip(instances, first, strict=True)
        if instance >= 0 and kinds[row] >= 0
    )


def _top(points: Float32) -> Float32:
    return np.append(points[:, :2].mean(axis=0), points[:, 2].max())
