"""Evaluation of prompt segmenters: simulated clicks on labelled objects, IoU after each.

The protocol of Point-SAM (Zhou et al. 2024): the first click is in the middle of the object, each
further one in the middle of the worst error; IoU@k is the mean over objects of the mask's
intersection over union with the object after k clicks.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from seg3d_ros.errors import InputError
from seg3d_ros.scene import Bool, Float32, Int64, Scene
from seg3d_ros.segmenters.segmenter import PromptSegmenter

REPORTED_CLICKS = (1, 3, 5, 10)
_NEAR_M = 0.4


@dataclass(frozen=True, eq=False)
class ClickedObject:
    """Result of the clicks on one object.

    Attributes:
        scene: name of its scene.
        instance: its number there.
        segment: its class.
        iou: (K,) float64 after each click.
        seconds: (K,) float64 that each answer took.
    """

    scene: str
    instance: int
    segment: int
    iou: Float32
    seconds: Float32


@dataclass(frozen=True)
class PromptScores:
    """Means over objects.

    Attributes:
        objects: how many.
        iou: IoU@k by k.
        first_seconds: median time of a first click, which encodes the scene.
        next_seconds: median time of a further click; NaN where there was none.
    """

    objects: int
    iou: dict[int, float]
    first_seconds: float
    next_seconds: float


def click_on_objects(
    segmenter: PromptSegmenter,
    scene: Scene,
    *,
    name: str,
    segment: Int64,
    instance: Int64,
    clicks: int = max(REPORTED_CLICKS),
    min_points: int = 100,
    skipped: Sequence[int] = (),
) -> Iterator[ClickedObject]:
    """Click on each object of a scene.

    Args:
        segmenter: answers the clicks.
        scene: what it sees.
        name: of the scene.
        segment: (N,) class of each of its points, -1 for none.
        instance: (N,) object of each of its points, -1 for none.
        clicks: for each object.
        min_points: smaller objects are left out.
        skipped: classes that are no objects to click on, such as walls.
    """
    ids, first, counts = np.unique(instance, return_index=True, return_counts=True)
    for number, row, count in zip(ids, first, counts, strict=True):
        if number < 0 or count < min_points or segment[row] in skipped:
            continue
        answers = list(islice(_answers(segmenter, scene, instance == number), clicks))
        iou, seconds = np.array(answers, np.float32).T
        yield ClickedObject(name, int(number), int(segment[row]), iou, seconds)


def scores_of(clicked: Sequence[ClickedObject]) -> PromptScores:
    """Means over objects that had equally many clicks.

    Raises:
        InputError: there are no objects.
    """
    if not clicked:
        raise InputError("no object was clicked on; are all smaller than the smallest allowed?")
    iou = np.stack([item.iou for item in clicked])
    seconds = np.stack([item.seconds for item in clicked])
    later = seconds[:, 1:]
    return PromptScores(
        len(clicked),
        {k: float(iou[:, k - 1].mean()) for k in REPORTED_CLICKS if k <= iou.shape[1]},
        float(np.median(seconds[:, 0])),
        float(np.median(later)) if later.size else float("nan"),
    )


def _answers(
    segmenter: PromptSegmenter, scene: Scene, target: Bool
) -> Iterator[tuple[float, float]]:
    """IoU and seconds of one click more each time."""
    import torch

    from seg3d_ros.datasets.click_simulation import SimulatedClicks, first_clicks, next_clicks

    points = torch.from_numpy(scene.points)[None]
    wanted = torch.from_numpy(target)[None]
    new = first_clicks(points, wanted)
    rows, labels = np.empty(0, np.int64), np.empty(0, np.bool_)
    while True:
        rows = np.append(rows, new.rows.numpy())
        labels = np.append(labels, new.labels.numpy() > 0)
        start = time.perf_counter()
        mask = segmenter.segment_at(scene, scene.points[rows], labels).mask
        seconds = time.perf_counter() - start
        yield (mask & target).sum() / (mask | target).sum(), seconds
        near = _around(scene.points, mask | target)
        new = next_clicks(
            points[:, near], wanted[:, near], torch.from_numpy(mask[near])[None].float() - 0.5
        )
        new = SimulatedClicks(torch.from_numpy(near)[new.rows], new.labels)


def _around(points: Float32, region: Bool) -> Int64:
    """Rows of a region and of all within `_NEAR_M` of its box; farther ones bound no error."""
    low, high = points[region].min(axis=0) - _NEAR_M, points[region].max(axis=0) + _NEAR_M
    return np.flatnonzero(((points >= low) & (points <= high)).all(axis=1))
