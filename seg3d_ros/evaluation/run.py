"""One model through the scenes of a split, with a progress bar."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from seg3d_ros.evaluation.evaluator import Evaluator, Judged, Protocol, paint
from seg3d_ros.evaluation.predictions import PredictionSource
from seg3d_ros.evaluation.scenes import LabelledScene, load_scene
from seg3d_ros.evaluation.scores import Evaluation, SceneScores
from seg3d_ros.scene import Float32, Int64
from seg3d_ros.training.dataset import ScanNetDataset

_SHOWN = 3  # best scenes, and as many of the worst


@dataclass(frozen=True, eq=False)
class SceneImage:
    """What a picture of a scene needs; N points.

    Attributes:
        scores: of the scene.
        points: (N, 3) metres.
        colors: (N, 3) in [0, 1].
        truth: (N,) number of the instance, 0 for none that counts.
        predicted: (N,) number of the mask, that of the instance it fits; 0 for none.
        true_names: name of each number in `truth`.
        predicted_names: name of each number in `predicted`; empty if nothing is named.
    """

    scores: SceneScores
    points: Float32
    colors: Float32
    truth: Int64
    predicted: Int64
    true_names: dict[int, str]
    predicted_names: dict[int, str]


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
) -> Run:
    """Evaluate predictions on one split.

    Args:
        dataset: its scenes.
        source: of the predictions.
        protocol: what counts.
        limit: stop after so many scenes.

    Raises:
        FileNotFoundError: predictions for a scene are missing.
        ValueError: those of a scene do not fit it.
    """
    evaluator = Evaluator(protocol)
    split = dataset.scenes[0].parent.name
    scenes: list[SceneScores] = []
    images: list[SceneImage] = []
    count = min(len(dataset), limit or len(dataset))
    for index in tqdm(range(count), desc=f"{source.name} on {split}", unit="scene", disable=None):
        scene = load_scene(dataset, index)
        start = time.perf_counter()
        predictions = source.predict(scene)
        seconds = time.perf_counter() - start
        judged = evaluator.add(scene.sample, predictions)
        scenes.append(_scored(scene, judged, seconds))
        if scenes[-1].objects:
            images = _extremes(
                [*images, _image(scene, judged, scenes[-1], protocol.classes.names)]
            )
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


def _image(
    scene: LabelledScene, judged: Judged, scores: SceneScores, names: tuple[str, ...]
) -> SceneImage:
    """A found instance has the same number in both; masks on what is ignored are left out."""
    overlaps, instances = judged.overlaps, judged.predictions.instances
    regions = len(overlaps.counted)
    numbers = np.where(np.append(overlaps.counted, False), np.arange(regions + 1) + 1, 0)
    number_of_mask = np.arange(len(instances)) + regions + 1
    fits = overlaps.ious > 0.5
    if regions:
        number_of_mask = np.where(fits.any(axis=1), numbers[fits.argmax(axis=1)], number_of_mask)
    number_of_mask[overlaps.void > overlaps.sizes / 2] = 0
    called = [] if judged.classes is None else judged.classes.tolist()
    return SceneImage(
        scores=scores,
        points=scene.sample.points,
        colors=scene.sample.colors,
        truth=numbers[judged.region],
        predicted=np.maximum(paint(instances.masks, instances.scores, number_of_mask), 0),
        true_names={
            int(numbers[row]): names[overlaps.region_classes[row]]
            for row in np.flatnonzero(overlaps.counted)
        },
        predicted_names={
            int(number): names[kind]
            for number, kind in zip(number_of_mask, called, strict=False)
            if kind >= 0
        },
    )
