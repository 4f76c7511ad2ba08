"""One model through the scenes of a split, with a progress bar."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seg3d_ros.evaluation.evaluator import Evaluator, Judged, Protocol
from seg3d_ros.evaluation.predictions import PredictionSource
from seg3d_ros.evaluation.scene_image import SceneImage, scene_image
from seg3d_ros.evaluation.scenes import LabelledScene, labelled_scenes
from seg3d_ros.evaluation.scores import Evaluation, SceneScores

if TYPE_CHECKING:  # it imports torch
    from seg3d_ros.datasets.scene_dataset import ScanNetDataset

_SHOWN = 3  # best scenes, and as many of the worst


@dataclass(frozen=True, eq=False)
class Run:
    """An evaluation and its best and worst scenes, best first."""

    evaluation: Evaluation
    images: tuple[SceneImage, ...]


def run_model(
    dataset: ScanNetDataset,
    source: PredictionSource,
    protocol: Protocol,
    *,
    limit: int | None = None,
    density: float = 1.0,
) -> Run:
    """Evaluate predictions on one split.

    Args:
        dataset: its scenes.
        source: of the predictions.
        protocol: what counts.
        limit: stop after so many scenes.
        density: share of the points of each scene that is left.

    Raises:
        FileNotFoundError: predictions for a scene are missing.
        InputError: those of a scene do not fit it.
    """
    evaluator = Evaluator(protocol)
    split = dataset.scenes[0].parent.name
    scenes: list[SceneScores] = []
    images: list[SceneImage] = []
    for scene in labelled_scenes(dataset, source.name, limit=limit, density=density):
        start = time.perf_counter()
        predictions = source.predict(scene)
        seconds = time.perf_counter() - start
        judged = evaluator.add(scene.sample, predictions)
        scenes.append(_scored(scene, judged, seconds))
        if scenes[-1].objects:
            image = scene_image(scene, judged, scenes[-1], names=protocol.classes.names)
            images = _extremes([*images, image])
    evaluation = Evaluation(
        model=source.name,
        split=split,
        ignored=tuple(sorted(protocol.classes.ignored)),
        min_points=protocol.min_points,
        scenes=tuple(scenes),
        found=evaluator.found(),
        named=evaluator.named(),
    )
    return Run(evaluation, tuple(images))


def _scored(scene: LabelledScene, judged: Judged, seconds: float) -> SceneScores:
    best = judged.overlaps.best_ious
    return SceneScores(
        name=scene.name,
        points=len(scene),
        objects=len(best),
        predictions=len(judged.predictions),
        found=int((best > 0.5).sum()),
        mean_best_iou=float(best.mean()) if len(best) else float("nan"),
        seconds=seconds,
    )


def _extremes(images: list[SceneImage]) -> list[SceneImage]:
    ordered = sorted(images, key=lambda image: image.scores.mean_best_iou, reverse=True)
    return ordered if len(ordered) <= 2 * _SHOWN else ordered[:_SHOWN] + ordered[-_SHOWN:]
