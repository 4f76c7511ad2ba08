"""Panels of the training viewer: input, ground truth and prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seg3d_ros.networks.batch import SceneBatch
from seg3d_ros.training.point_instances import PointInstances
from seg3d_ros.viewer.clouds import Canvas, Clouds, matched_ids

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
    canvas = Canvas.of(points, voxel_size)
    segment, truth, predicted = (a[canvas.rows] for a in (segment, truth, predicted))
    matched, found = matched_ids(predicted, truth)
    return Panels(
        canvas.clouds(
            canvas.own_colors(colors),
            canvas.instances(truth, kinds=segment, names=class_names),
            canvas.instances(matched, kinds=predicted, names=prediction.names),
        ),
        found=found,
        objects=len(np.unique(truth[truth >= 0])),
    )
