"""Evaluator: sums over scenes, turned into scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seg3d_ros.evaluation.instance_ap import average_precisions, summarize
from seg3d_ros.evaluation.naming import NOT_FOUND, Labels, name_ranks
from seg3d_ros.evaluation.overlaps import MIN_POINTS, NO_CLASS, Overlaps, overlaps_of, true_regions
from seg3d_ros.evaluation.predictions import Predictions
from seg3d_ros.evaluation.scenes import Classes
from seg3d_ros.evaluation.scores import ClassScores, FoundScores, NamedScores, RankScores
from seg3d_ros.evaluation.semantic import Confusion, harmonic_mean, mean_iou
from seg3d_ros.masks import Masks
from seg3d_ros.scene import Float32, Int64

if TYPE_CHECKING:  # it imports torch
    from seg3d_ros.datasets.scene_dataset import SceneSample

ALL = "all"


@dataclass(frozen=True, eq=False)
class Protocol:
    """Rules of an evaluation.

    Attributes:
        classes: of the truth.
        labels: that name predictions of an open vocabulary.
        min_points: smaller predictions are dropped, smaller instances ignored.
    """

    classes: Classes
    labels: Labels
    min_points: int = MIN_POINTS


@dataclass(frozen=True, eq=False)
class Judged:
    """Evaluation of one scene.

    Attributes:
        overlaps: of the predictions that are large enough.
        region: (N,) region of each point, as in `Regions`.
        predictions: those that are large enough.
        classes: (M,) what they are called; None if nothing tells.
    """

    overlaps: Overlaps
    region: Int64
    predictions: Predictions
    classes: Int64 | None


class Evaluator:
    """Evaluator of the predictions of one model, scene by scene; keeps counts only."""

    def __init__(self, protocol: Protocol) -> None:
        """Start with no scene."""
        self._classes = protocol.classes
        self._labels = protocol.labels
        self._min_points = protocol.min_points
        self._ignored = self._classes.numbers(self._classes.ignored)
        self._scenes: list[Overlaps] = []
        self._confusion = Confusion(len(self._classes.names))
        self._ranks: list[Int64] = []  # of scenes whose predictions have embeddings
        self._rank_classes: list[Int64] = []
        self._named = True

    def add(self, sample: SceneSample, predictions: Predictions) -> Judged:
        """Judge one scene.

        Raises:
            InputError: embeddings do not fit their text space.
        """
        large = np.flatnonzero(predictions.instances.masks.sizes >= self._min_points)
        embeddings = predictions.instances.embeddings
        space = predictions.instances.embedding_space
        classes, similarities = predictions.classes, None
        if classes is None and embeddings is not None and space is not None:
            similarities = self._labels.similarities(embeddings, space)
            classes = self._labels.classes[similarities.argmax(axis=1)]
        if classes is None and len(predictions):
            self._named = False
        known = np.full(len(predictions), NO_CLASS) if classes is None else classes
        painted = paint(predictions.instances.masks, predictions.instances.scores, known)
        self._confusion.add(painted, sample.segment)
        predictions, known = predictions.take(large), known[large]
        truth = np.where(np.isin(sample.segment, self._ignored), NO_CLASS, sample.segment)
        regions = true_regions(truth, sample.instance, min_points=self._min_points)
        evaluated = np.where(np.isin(known, self._ignored), NO_CLASS, known)
        whole = predictions.instances
        overlaps = overlaps_of(whole.masks, whole.scores, evaluated, regions)
        self._scenes.append(overlaps)
        if similarities is not None:
            self._ranks.append(name_ranks(overlaps, similarities[large], self._labels))
            self._rank_classes.append(overlaps.region_classes[overlaps.counted])
        return Judged(overlaps, regions.of_point, predictions, known if self._named else None)

    def found(self) -> FoundScores:
        """Scores that do not care for names; NaN without objects."""
        merged = [scene.without_classes() for scene in self._scenes]
        best = np.concatenate([scene.best_ious for scene in merged])
        return FoundScores(
            objects=len(best),
            precision=summarize(average_precisions(merged, 1)),
            recall50=_mean(best > 0.5),
            recall25=_mean(best > 0.25),
            mean_best_iou=_mean(best),
        )

    def named(self) -> NamedScores | None:
        """Scores of found and rightly named instances; None if nothing names predictions."""
        if not self._named:
            return None
        from seg3d_ros.datasets.scene_dataset import STUFF

        names = self._classes.names
        table = average_precisions(self._scenes, len(names))
        counted = [scene.region_classes[scene.counted] for scene in self._scenes]
        counts = np.bincount(np.concatenate(counted), minlength=len(names))
        ious, recalls = self._confusion.ious(), self._confusion.recalls()
        present = np.union1d(np.flatnonzero(counts), self._confusion.present())
        groups = {ALL: frozenset(names), **self._classes.groups}
        members = {group: self._classes.numbers(inside) for group, inside in groups.items()}
        mean_ious = {group: mean_iou(self._confusion, rows) for group, rows in members.items()}
        both = [mean_ious[group] for group in ("seen", "unseen") if group in mean_ious]
        return NamedScores(
            classes=tuple(
                ClassScores(names[i], int(counts[i]), summarize(table[[i]]), float(ious[i]))
                for i in present
            ),
            precision={group: summarize(table[rows]) for group, rows in members.items()},
            mean_iou=mean_ious,
            harmonic_mean_iou=harmonic_mean(both) if len(both) == 2 else None,
            ranks={group: self._rank_scores(rows) for group, rows in members.items()}
            if self._ranks
            else {},
            recalls={
                names[i]: float(recalls[i]) for i in self._confusion.present() if names[i] in STUFF
            },
        )

    def _rank_scores(self, classes: Int64) -> RankScores:
        ranks = np.concatenate(self._ranks)
        inside = np.isin(np.concatenate(self._rank_classes), classes)
        found = ranks[inside & (ranks != NOT_FOUND)]
        return RankScores(len(found), *(_mean(found < k) for k in (1, 5, 10)))


def paint(masks: Masks, scores: Float32, values: Int64) -> Int64:
    """(N,) value of the best-scored of the M masks that cover each point, -1 for none."""
    painted = np.full(masks.width, -1, np.int64)
    rows_of_mask = masks.rows_of_each()
    for mask in np.argsort(scores, kind="stable"):
        painted[rows_of_mask[mask]] = values[mask]
    return painted


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
