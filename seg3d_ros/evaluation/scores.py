"""Scores of an evaluation; all between 0 and 1 unless they count or time something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from seg3d_ros.evaluation.instance_ap import AveragePrecision


@dataclass(frozen=True)
class FoundScores:
    """Scores of class-agnostic instances: found or not, whatever they are called.

    Attributes:
        objects: instances that count.
        precision: AP with all classes merged into one.
        recall50: share of the objects that some mask fits with an IoU above 0.5.
        recall25: the same above 0.25.
        mean_best_iou: mean over the objects of the IoU of the mask that fits best.
    """

    objects: int
    precision: AveragePrecision
    recall50: float
    recall25: float
    mean_best_iou: float


@dataclass(frozen=True)
class RankScores:
    """Rank of the true name among all labels, for objects whose instance was found.

    Attributes:
        found: objects that some mask fits with an IoU above 0.5.
        top1: share of these whose true name is the nearest label; NaN if there are none.
        top5: is among the nearest 5.
        top10: is among the nearest 10.
    """

    found: int
    top1: float
    top5: float
    top10: float


@dataclass(frozen=True)
class ClassScores:
    """Scores of one class: its instances that count, their AP, and the IoU of its points."""

    name: str
    objects: int
    precision: AveragePrecision
    iou: float


@dataclass(frozen=True)
class NamedScores:
    """Scores of instances with their class; "all" is a group of every class.

    Attributes:
        classes: those that the data has.
        precision: mean AP over the classes of each group.
        mean_iou: mean IoU of points over the classes of each group.
        harmonic_mean_iou: hIoU, harmonic mean of the groups seen and unseen; None without them.
        ranks: for each group; empty where predictions bring no embeddings.
        recalls: share of the points of floor, walls and ceiling that are called so.
    """

    classes: tuple[ClassScores, ...]
    precision: Mapping[str, AveragePrecision]
    mean_iou: Mapping[str, float]
    harmonic_mean_iou: float | None
    ranks: Mapping[str, RankScores]
    recalls: Mapping[str, float]


@dataclass(frozen=True)
class SceneScores:
    """Scores of one scene.

    Attributes:
        name: of its folder.
        points: of its file.
        objects: instances that count.
        predictions: masks that are large enough.
        found: objects that some mask fits with an IoU above 0.5.
        mean_best_iou: as in `FoundScores`; NaN without objects.
        seconds: that the predictions took.
    """

    name: str
    points: int
    objects: int
    predictions: int
    found: int
    mean_best_iou: float
    seconds: float


@dataclass(frozen=True)
class Evaluation:
    """Scores of one model on one split.

    Attributes:
        model: name of the source of the predictions.
        split: name of the folder.
        ignored: names of the classes that have no instances to be found.
        min_points: smaller instances are ignored, smaller predictions dropped.
        scenes: in the order of their names.
        found: how well instances are found.
        named: how well they are named as well; None if the model names nothing.
    """

    model: str
    split: str
    ignored: tuple[str, ...]
    min_points: int
    scenes: tuple[SceneScores, ...]
    found: FoundScores
    named: NamedScores | None

    @property
    def seconds(self) -> float:
        """That a scene takes, median: the first often waits for a compiler."""
        return median(scene.seconds for scene in self.scenes)
