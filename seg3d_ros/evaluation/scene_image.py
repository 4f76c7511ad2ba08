"""Picture of an evaluated scene: ground truth and prediction in the same numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seg3d_ros.evaluation.evaluator import Judged, paint
from seg3d_ros.evaluation.scenes import LabelledScene
from seg3d_ros.evaluation.scores import SceneScores
from seg3d_ros.scene import Float32, Int64


@dataclass(frozen=True, eq=False)
class SceneImage:
    """A scene of N points, ready to be painted.

    Attributes:
        scores: of the scene.
        points: (N, 3) metres.
        colors: (N, 3) in [0, 1].
        truth: (N,) number of the instance, 0 for none that counts.
        predicted: (N,) number of the mask, that of the instance it fits; 0 for none.
        true_names: name of each number in `truth`.
        predicted_names: name of each number in `predicted`, where it has one.
    """

    scores: SceneScores
    points: Float32
    colors: Float32
    truth: Int64
    predicted: Int64
    true_names: dict[int, str]
    predicted_names: dict[int, str]


def scene_image(
    scene: LabelledScene, judged: Judged, scores: SceneScores, *, names: tuple[str, ...]
) -> SceneImage:
    """Number instances and masks; masks that lie mainly on what is ignored are left out.

    Args:
        scene: with its truth.
        judged: what was predicted.
        scores: of the scene.
        names: of the classes.
    """
    overlaps = judged.overlaps
    regions = len(overlaps.counted)
    number_of_region = np.where(overlaps.counted, np.arange(regions) + 1, 0)
    order = np.argsort(overlaps.scores, kind="stable")  # of two with one number, the better names
    rows = order[overlaps.void[order] <= overlaps.sizes[order] / 2]
    fits = overlaps.ious[rows] > 0.5
    fitted = np.where(fits, number_of_region, 0).max(axis=1, initial=0)
    numbers = np.where(fits.any(axis=1), fitted, rows + regions + 1)
    shown = judged.predictions.take(rows).instances
    classes = np.full(len(rows), -1) if judged.classes is None else judged.classes[rows]
    return SceneImage(
        scores=scores,
        points=scene.sample.points,
        colors=scene.sample.colors,
        truth=np.append(number_of_region, 0)[judged.region],
        predicted=np.maximum(paint(shown.masks, shown.scores, numbers), 0),
        true_names=_named(number_of_region, overlaps.region_classes, names),
        predicted_names=_named(numbers, classes, names),
    )


def _named(numbers: Int64, classes: Int64, names: tuple[str, ...]) -> dict[int, str]:
    pairs = zip(numbers.tolist(), classes.tolist(), strict=True)
    return {number: names[kind] for number, kind in pairs if number and kind >= 0}
