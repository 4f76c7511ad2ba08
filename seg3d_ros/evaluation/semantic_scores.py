"""Scores of point labels for groups of classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from seg3d_ros.evaluation.scenes import Classes
from seg3d_ros.evaluation.semantic import Confusion, harmonic_mean
from seg3d_ros.scene import Int64
from seg3d_ros.text.class_splits import ClassSplit

ALL = "all"
_PAIRS = (("base", "novel"), ("seen", "unseen"))  # groups that have a harmonic mean


@dataclass(frozen=True, eq=False)
class SemanticProtocol:
    """Classes that count, and their groups.

    Attributes:
        names: of the evaluated classes.
        rows: (C,) evaluated class of each class of the data set, -1 for those that do not count.
        groups: (K,) evaluated classes of each group, by its name.
        absent_is_zero: a class without points and predictions counts as IoU 0, as published for
            base and novel classes; otherwise it does not count.
    """

    names: tuple[str, ...]
    rows: Int64
    groups: Mapping[str, Int64]
    absent_is_zero: bool = False


@dataclass(frozen=True)
class SemanticClass:
    """One class: its points, their IoU and the share of them that is called so (NaN: none)."""

    name: str
    points: int
    iou: float
    accuracy: float


@dataclass(frozen=True)
class SemanticScores:
    """Scores by group of classes.

    Attributes:
        classes: all that are evaluated.
        mean_iou: mean of the IoU of the classes.
        mean_accuracy: mean of the accuracy of the classes.
        accuracy: share of the points that is called right.
        harmonic_mean_iou: hIoU, harmonic mean of the mean IoU of base and of novel classes; None
            where there are no such groups.
    """

    classes: tuple[SemanticClass, ...]
    mean_iou: Mapping[str, float] = field(default_factory=dict)
    mean_accuracy: Mapping[str, float] = field(default_factory=dict)
    accuracy: Mapping[str, float] = field(default_factory=dict)
    harmonic_mean_iou: float | None = None


def semantic_protocol(classes: Classes, split: ClassSplit | None = None) -> SemanticProtocol:
    """Evaluation of base and novel classes, or of all classes and the groups of a data set.

    Args:
        classes: of the data set.
        split: into base and novel classes; its other classes do not count.
    """
    if split is None:
        groups = {ALL: frozenset(classes.names), **classes.groups}
        counted = frozenset(classes.names)
    else:
        groups = {"base": frozenset(split.base), "novel": frozenset(split.novel)}
        counted = groups["base"] | groups["novel"]
    names = tuple(name for name in classes.names if name in counted)
    number = {name: i for i, name in enumerate(names)}
    return SemanticProtocol(
        names=names,
        rows=np.array([number.get(name, -1) for name in classes.names], np.int64),
        groups={
            group: np.array(sorted(number[name] for name in members), np.int64)
            for group, members in groups.items()
        },
        absent_is_zero=split is not None,
    )


def semantic_scores(confusion: Confusion, protocol: SemanticProtocol) -> SemanticScores:
    """Scores from the counts of all scenes together."""
    ious, recalls, sizes = confusion.ious(), confusion.recalls(), confusion.sizes()
    right = np.diagonal(confusion.counts)
    mean_iou, mean_accuracy, accuracy = {}, {}, {}
    for group, members in protocol.groups.items():
        rows = members if protocol.absent_is_zero else np.intersect1d(members, confusion.present())
        mean_iou[group] = _mean(np.nan_to_num(ious[rows]))
        mean_accuracy[group] = _mean(np.nan_to_num(recalls[rows]))
        points = int(sizes[members].sum())
        accuracy[group] = float(right[members].sum() / points) if points else float("nan")
    pair = next((p for p in _PAIRS if set(p) <= protocol.groups.keys()), None)
    return SemanticScores(
        classes=tuple(
            SemanticClass(name, int(sizes[i]), float(ious[i]), float(recalls[i]))
            for i, name in enumerate(protocol.names)
        ),
        mean_iou=mean_iou,
        mean_accuracy=mean_accuracy,
        accuracy=accuracy,
        harmonic_mean_iou=None if pair is None else harmonic_mean([mean_iou[g] for g in pair]),
    )


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
