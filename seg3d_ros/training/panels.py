"""Panels of the training viewer: input, ground truth and prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seg3d_ros.networks.batch import SceneBatch
from seg3d_ros.training.point_instances import PointInstances
from seg3d_ros.viewer.clouds import (
    Clouds,
    Panel,
    captions_of,
    cover_of,
    matched_ids,
    on_unit_square,
    painted,
    thinned,
)

TITLES = ("input", "ground truth", "prediction")


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
    rows, spacing = thinned(points, voxel_size)
    points, truth, predicted = points[rows], truth[rows], predicted[rows]
    placed, scale = on_unit_square(points)
    matched, found = matched_ids(predicted, truth)
    true_names = captions_of(placed, truth, kinds=segment[rows], names=class_names)
    predicted_names = captions_of(placed, predicted, kinds=predicted, names=prediction.names)
    panels = (
        Panel(np.rint(np.clip(colors[rows], 0, 1) * 255).astype(np.uint8)),
        Panel(painted(truth), true_names),
        Panel(painted(matched), predicted_names),
    )
    return Panels(
        Clouds(placed, cover_of(points), spacing * scale, panels),
        found=found,
        objects=len(np.unique(truth[truth >= 0])),
    )
