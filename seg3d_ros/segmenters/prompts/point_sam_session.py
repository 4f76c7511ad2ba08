"""A session of clicks on one object: the cloud is encoded once, each click runs the decoder."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from seg3d_ros.scene import Bool, Int64, Scene
from seg3d_ros.segmenters.prompts.prompt_network import Answer, Crop, PromptNetwork
from seg3d_ros.segmenters.segmenter import PromptResult

RADII_M = (0.5, 1.0, 2.0, 3.2)  # of the crops around a first click, each asked for the object
_SURENESS = 0.1  # of a predicted IoU: a mask that is better by so much counts e times as much
# From which probability on a voxel is inside. The IoU to expect is largest with some that rather
# are not: missing a part costs more than taking too much (Lipton et al. 2014, on F1 scores).
_INSIDE = 0.3
_CROPS_KEPT = 8


class SceneCrops:
    """A scene, and those of its crops that were encoded last."""

    def __init__(self, network: PromptNetwork, scene: Scene) -> None:
        self.network = network
        self.scene = scene
        self._crops: OrderedDict[tuple[int, int], Crop] = OrderedDict()

    def around(self, row: int, level: int) -> Crop:
        """The voxels within `RADII_M[level]` of a voxel, encoded now or before."""
        crop = self._crops.pop((row, level), None)
        if crop is None:
            crop = self.network.encode(self.scene, self.scene.points[row], RADII_M[level])
        self._crops[row, level] = crop
        if len(self._crops) > _CROPS_KEPT:
            self._crops.popitem(last=False)
        return crop


@dataclass(frozen=True, eq=False)
class _Step:
    """The session after a request: how many clicks it had, and what was found in which crop."""

    clicks: int
    answers: dict[int, Answer]
    result: PromptResult


class PromptSession:
    """Clicks on one object of a scene. Not for several threads at once.

    One click says nothing of the size of what is meant. So crops of all sizes around the first
    foreground click are asked, and their masks are averaged.
    """

    def __init__(self, crops: SceneCrops) -> None:
        self._crops = crops
        self._rows = np.empty(0, np.int64)
        self._foreground = np.empty(0, np.bool_)
        self._steps: list[_Step] = []

    @property
    def clicks(self) -> int:
        """Number of clicks that the newest mask is of."""
        return len(self._rows)

    def click(self, rows: Int64, foreground: Bool) -> PromptResult:
        """Add clicks and segment anew, from the masks so far.

        Args:
            rows: (K,) voxels of the scene; -1 for background clicks that hit none.
            foreground: (K,) True on the object, False off it; in the first call one at least.

        Raises:
            BlockTooLargeError: the device has no memory for it; the clicks are not added.
            DeviceLostError: the GPU takes no more work from this process; likewise.
        """
        kept = self._rows, self._foreground
        self._rows = np.concatenate([self._rows, rows])
        self._foreground = np.concatenate([self._foreground, foreground])
        try:
            result = self._segment()
        except BaseException:
            self._rows, self._foreground = kept
            raise
        return result

    def _segment(self) -> PromptResult:
        """Ask every crop for the mask of all clicks, and keep the step."""
        before = self._steps[-1].answers if self._steps else {}
        answers = {level: self._ask(level, before.get(level)) for level in self._levels()}
        result = self._averaged(answers)
        self._steps.append(_Step(self.clicks, answers, result))
        return result

    def undo(self) -> PromptResult | None:
        """Take the newest clicks back; returns the mask before them, None at the beginning."""
        if self._steps:
            self._steps.pop()
        count = self._steps[-1].clicks if self._steps else 0
        self._rows, self._foreground = self._rows[:count], self._foreground[:count]
        return self._steps[-1].result if self._steps else None

    def continue_with(self, rows: Int64, foreground: Bool) -> PromptResult | None:
        """Segment at all of these clicks, if they go on from the session's or go back in it.

        Returns:
            The mask, or None if they are others; the session is of no use then.
        """
        while not self._begins(rows, foreground):
            if self.undo() is None:
                return None
        if len(rows) == self.clicks:
            return self._steps[-1].result
        return self.click(rows[self.clicks :], foreground[self.clicks :])

    def _begins(self, rows: Int64, foreground: Bool) -> bool:
        count = self.clicks
        same_rows = np.array_equal(self._rows, rows[:count])
        return same_rows and np.array_equal(self._foreground, foreground[:count])

    def _crop(self, level: int) -> Crop:
        return self._crops.around(int(self._rows[self._foreground][0]), level)

    def _levels(self) -> Iterator[int]:
        """Of the crops that hold all foreground clicks; the last in any case."""
        clicked = self._crops.scene.points[self._rows[self._foreground]]
        reach = np.linalg.norm(clicked - clicked[0], axis=1).max()
        last = len(RADII_M) - 1
        for level in range(last + 1):
            if reach <= RADII_M[level] or level == last:
                yield level
                if self._crop(level).whole:  # larger ones are the same
                    return

    def _ask(self, level: int, before: Answer | None) -> Answer:
        """Masks of all clicks, from those before; at the beginning those of the first click."""
        network, crop = self._crops.network, self._crop(level)
        clicked, foreground = self._clicks_in(crop)
        if before is None:
            first = np.flatnonzero(foreground)[:1]
            before = network.answer(crop, clicked[first], foreground[first])
            if len(clicked) == 1:
                return before
        return network.answer(crop, clicked, foreground, before=before)

    def _clicks_in(self, crop: Crop) -> tuple[Int64, Bool]:
        """Encoded points of the clicks inside a crop, and whether they are foreground."""
        place = np.searchsorted(crop.rows, self._rows).clip(max=len(crop.rows) - 1)
        inside = crop.rows[place] == self._rows
        return crop.source[place[inside]], self._foreground[inside]

    def _averaged(self, answers: dict[int, Answer]) -> PromptResult:
        """Mean of the crops' logits; for clicked voxels the clicks have the last word."""
        predicted = np.array([answer.predicted_iou for answer in answers.values()])
        weights = softmax(predicted / _SURENESS)
        probability = np.zeros(len(self._crops.scene), np.float32)
        for (level, answer), weight in zip(answers.items(), weights, strict=True):
            crop = self._crop(level)
            inside = weight * answer.logits[0].sigmoid().cpu().numpy()
            probability[crop.rows] += inside[crop.source]
        mask = probability > _INSIDE
        hit = self._rows >= 0
        mask[self._rows[hit]] = self._foreground[hit]
        return PromptResult(mask, float(weights @ predicted))
