"""A prompt segmenter through the scenes of a split: clicks on all objects, a table and JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seg3d_ros.evaluation.prompts import (
    REPORTED_CLICKS,
    ClickedObject,
    PromptScores,
    click_on_objects,
    scores_of,
)
from seg3d_ros.evaluation.scenes import Classes, LabelledScene, labelled_scenes
from seg3d_ros.files import replacing
from seg3d_ros.scene import Int64
from seg3d_ros.segmenters.segmenter import PromptSegmenter

if TYPE_CHECKING:
    from seg3d_ros.datasets.scene_dataset import ScanNetDataset


@dataclasses.dataclass(frozen=True)
class PromptEvaluation:
    """Scores of one prompt segmenter on one split."""

    model: str
    split: str
    scores: PromptScores


def evaluate_prompts(
    dataset: ScanNetDataset,
    segmenter: PromptSegmenter,
    classes: Classes,
    *,
    min_points: int,
    limit: int | None = None,
) -> PromptEvaluation:
    """Click on the objects of a split.

    Args:
        dataset: its scenes.
        segmenter: answers the clicks.
        classes: of the data set; objects of those that are ignored are left out.
        min_points: smaller objects are left out.
        limit: stop after so many scenes.

    Raises:
        InputError: there is no object to click on.
    """
    split = dataset.scenes[0].parent.name
    clicked: list[ClickedObject] = []
    for scene in labelled_scenes(dataset, segmenter.name, limit=limit):
        segment, instance = labels_of_voxels(scene)
        clicked += click_on_objects(
            segmenter,
            scene.voxels,
            name=scene.name,
            segment=segment,
            instance=instance,
            min_points=min_points,
            skipped=classes.numbers(classes.ignored).tolist(),
        )
    return PromptEvaluation(segmenter.name, split, scores_of(clicked))


def labels_of_voxels(scene: LabelledScene) -> tuple[Int64, Int64]:
    """(V,) class and (V,) instance of each voxel: those of the last of its points."""
    segment, instance = np.full((2, len(scene.voxels)), -1)
    segment[scene.voxel_of_point] = scene.sample.segment
    instance[scene.voxel_of_point] = scene.sample.instance
    return segment, instance


def prompt_table(evaluations: Sequence[PromptEvaluation]) -> str:
    """One line for each, aligned."""
    heads = ["model", "split", "objects", *(f"IoU@{k}" for k in REPORTED_CLICKS)]
    lines = [[*heads, "first click", "next"], *(_cells(item) for item in evaluations)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def write_prompt_json(path: Path, evaluations: Sequence[PromptEvaluation]) -> None:
    """Write all numbers; an older file is replaced at once."""
    with replacing(path) as temporary:
        document = [dataclasses.asdict(item) for item in evaluations]
        temporary.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _cells(item: PromptEvaluation) -> list[str]:
    scores = item.scores
    iou = [f"{scores.iou[k]:.3f}" for k in REPORTED_CLICKS]
    times = [f"{scores.first_seconds:.2f} s", f"{scores.next_seconds:.2f} s"]
    return [item.model, item.split, str(scores.objects), *iou, *times]
