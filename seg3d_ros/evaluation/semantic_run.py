"""Point labels of one model through the scenes of a split.

Labels come from instances, the best-scored first, from a segmenter that labels points, or from
files called after their scene:

    scene0011_00.npy     (N,) class of each point, -1 for none
    scene0011_00.txt     as handed in to the ScanNet benchmark: the label id of each point, a line
    scene0011_00.npz     instances; see seg3d_ros.evaluation.predictions
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from seg3d_ros.errors import InputError
from seg3d_ros.evaluation.evaluator import paint
from seg3d_ros.evaluation.naming import Labels
from seg3d_ros.evaluation.overlaps import NO_CLASS
from seg3d_ros.evaluation.predictions import FileSource, PredictionSource, SegmenterSource
from seg3d_ros.evaluation.recorded_frames import recorded_keyframes
from seg3d_ros.evaluation.report import Row, aligned, number, without_nan
from seg3d_ros.evaluation.scenes import LabelledScene, labelled_scenes
from seg3d_ros.evaluation.semantic import Confusion
from seg3d_ros.evaluation.semantic_scores import (
    SemanticProtocol,
    SemanticScores,
    semantic_scores,
)
from seg3d_ros.files import replacing
from seg3d_ros.mapping.keyframes.keyframe import KeyframeViews
from seg3d_ros.scene import Int64, View
from seg3d_ros.segmenters.segmenter import SemanticSegmenter

if TYPE_CHECKING:  # it imports torch
    from seg3d_ros.datasets.scene_dataset import ScanNetDataset


class PointLabelSource(Protocol):
    """Source of point labels.

    Attributes:
        name: in tables.
    """

    name: str

    def label(self, scene: LabelledScene) -> Int64:
        """(N,) evaluated class of each point of the scene's file, -1 for none."""
        ...


class PaintedInstances:
    """Point labels from instances: those of the best-scored one that covers a point."""

    def __init__(
        self, source: PredictionSource, labels: Labels, protocol: SemanticProtocol
    ) -> None:
        """Put names to instances.

        Args:
            source: of the instances.
            labels: that embeddings are named with, for the evaluated classes.
            protocol: classes that count.
        """
        self.name = source.name
        self._source = source
        self._labels = labels
        self._rows = np.append(protocol.rows, NO_CLASS)  # the last is that of NO_CLASS

    def label(self, scene: LabelledScene) -> Int64:
        """Label the points of a scene.

        Raises:
            InputError: nothing tells the classes of the instances.
        """
        found = self._source.predict(scene)
        whole = found.instances
        if found.classes is not None:
            classes = self._rows[found.classes]
        elif whole.embeddings is not None and whole.embedding_space is not None:
            similarities = self._labels.similarities(whole.embeddings, whole.embedding_space)
            classes = self._labels.classes[similarities.argmax(axis=1)]
        elif len(found):
            raise InputError(f"{self.name} finds instances but does not name them")
        else:
            classes = np.empty(0, np.int64)
        return paint(whole.masks, whole.scores, classes)


class LabelledPoints:
    """Point labels of a segmenter of points, which sees the frames of a scene if it has some."""

    def __init__(
        self, segmenter: SemanticSegmenter, protocol: SemanticProtocol, *, name: str
    ) -> None:
        """Look at nothing yet.

        Args:
            segmenter: whose words are those of the classes.
            protocol: classes that count.
            name: in tables.
        """
        self.name = name
        self._segmenter = segmenter
        self._class_of = {name: row for row, name in enumerate(protocol.names)}

    def label(self, scene: LabelledScene) -> Int64:
        """Label the points of a scene; words that are no class stand for none."""
        views = _views(scene)
        found = self._segmenter.label(replace(scene.voxels, views=views))
        while found.waiting:
            found = self._segmenter.label(replace(scene.voxels, views=views))
        classes = np.array([self._class_of.get(n, NO_CLASS) for n in found.names] + [NO_CLASS])
        labels: Int64 = classes[found.labels][scene.voxel_of_point]
        return labels


def _views(scene: LabelledScene) -> Sequence[View]:
    try:
        frames = recorded_keyframes(scene.folder)
    except FileNotFoundError:
        return ()
    return KeyframeViews(frames)


class LabelFiles:
    """Point labels from a folder of .npy, .txt or .npz files."""

    def __init__(self, source: FileSource, labels: Labels, protocol: SemanticProtocol) -> None:
        """Look at nothing yet.

        Args:
            source: of instances in .npz files, in the folder of the others.
            labels: that embeddings are named with, for the evaluated classes.
            protocol: classes that count.
        """
        self.name = source.name
        self._folder = source.folder
        self._ids = np.array(source.class_ids, np.int64)
        self._rows = np.append(protocol.rows, NO_CLASS)
        self._instances = PaintedInstances(source, labels, protocol)

    def label(self, scene: LabelledScene) -> Int64:
        """Read the file of a scene.

        Raises:
            FileNotFoundError: there is none.
            InputError: it cannot be read, or is not about these points.
        """
        path = self._folder / f"{scene.name}.npy"
        if not path.is_file():
            path = path.with_suffix(".txt")
        if not path.is_file():
            return self._instances.label(scene)
        classes = self._read(path)
        if classes.shape != (len(scene),):
            raise InputError(
                f"{path} has labels of shape {classes.shape} for {len(scene)} points: predict "
                "every point of coord.npy, in its order"
            )
        return self._rows[classes]

    def _read(self, path: Path) -> Int64:
        """Class of the data set of each point, -1 for none or one that is not known."""
        try:
            if path.suffix == ".npy":
                classes = np.load(path, allow_pickle=False).astype(np.int64)
                return np.where((classes >= 0) & (classes < len(self._ids)), classes, NO_CLASS)
            ids = np.loadtxt(path, dtype=np.int64, ndmin=1)
        except (ValueError, OSError, EOFError) as error:
            raise InputError(f"{path} holds no labels of points ({error})") from error
        order = np.argsort(self._ids)
        place = order[np.searchsorted(self._ids, ids, sorter=order).clip(max=len(order) - 1)]
        return np.where(self._ids[place] == ids, place, NO_CLASS)


def point_labels(
    source: PredictionSource, labels: Labels, protocol: SemanticProtocol
) -> PointLabelSource:
    """Point labels of a model or of a folder of files; see `LabelFiles` for the arguments."""
    if isinstance(source, FileSource):
        return LabelFiles(source, labels, protocol)
    if isinstance(source, SegmenterSource) and isinstance(source.segmenter, SemanticSegmenter):
        return LabelledPoints(source.segmenter, protocol, name=source.name)
    return PaintedInstances(source, labels, protocol)


@dataclass(frozen=True)
class SemanticEvaluation:
    """Point labels of one model on one split.

    Attributes:
        model: name of the source of the labels.
        split: name of the folder.
        scenes: number of them.
        scores: of all scenes together.
    """

    model: str
    split: str
    scenes: int
    scores: SemanticScores


def evaluate_labels(
    dataset: ScanNetDataset,
    source: PointLabelSource,
    protocol: SemanticProtocol,
    *,
    limit: int | None = None,
    density: float = 1.0,
) -> SemanticEvaluation:
    """Evaluate point labels on one split, with a progress bar.

    Args:
        dataset: its scenes.
        source: of the labels.
        protocol: classes that count.
        limit: stop after so many scenes.
        density: share of the points of each scene that is left.

    Raises:
        FileNotFoundError: the labels of a scene are missing.
        InputError: those of a scene do not fit it.
    """
    split = dataset.scenes[0].parent.name
    confusion = Confusion(len(protocol.names))
    rows = np.append(protocol.rows, NO_CLASS)
    count = 0
    for scene in labelled_scenes(dataset, source.name, limit=limit, density=density):
        confusion.add(source.label(scene), rows[scene.sample.segment])
        count += 1
    scores = semantic_scores(confusion, protocol)
    return SemanticEvaluation(source.name, split, count, scores)


def semantic_table(evaluations: Sequence[SemanticEvaluation]) -> str:
    """Evaluations of one split side by side."""
    columns = [dict(_lines(item.scores)) for item in evaluations]
    rows: list[Row] = [(key, tuple(column[key] for column in columns)) for key in columns[0]]
    first = evaluations[0]
    title = f"{first.split}: {first.scenes} scenes, {len(first.scores.classes)} classes"
    return aligned(title, [item.model for item in evaluations], rows)


def write_semantic_json(path: Path, evaluations: Sequence[SemanticEvaluation]) -> None:
    """Write all numbers; values that are missing are null.

    Args:
        path: file to write; an older one is replaced at once.
        evaluations: of any splits.
    """
    document = without_nan({"evaluations": [asdict(item) for item in evaluations]})
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _lines(scores: SemanticScores) -> Iterator[tuple[str, str]]:
    for group, value in scores.mean_iou.items():
        yield f"mIoU, {group}", number(value)
    if scores.harmonic_mean_iou is not None:
        yield "hIoU", number(scores.harmonic_mean_iou)
    for group, value in scores.mean_accuracy.items():
        yield f"mean accuracy, {group}", number(value)
    for group, value in scores.accuracy.items():
        yield f"points right, {group}", number(value)
