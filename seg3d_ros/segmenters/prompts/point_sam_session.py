"""A session of clicks on one object: the cloud is encoded once, each click runs the decoder."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from seg3d_ros.scene import Bool, Float32, Int64, Scene
from seg3d_ros.segmenters.prompts.clicked_segments import segments_at, segments_of
from seg3d_ros.segmenters.prompts.consensus import most_agreed
from seg3d_ros.segmenters.prompts.prompt_network import Answer, Crop, PromptNetwork
from seg3d_ros.segmenters.segmenter import PromptResult

RADII_M = (0.5, 1.0, 2.0, 3.2)  # of the crops around a first click, each asked for the object
# How likely the mask of a crop is: the IoU that the network predicts, less what is lost where
# larger crops show small things by few points, and where the edge of the crop cuts the mask.
_SURENESS = 0.3  # a mask that is better by so much is e times as likely
_LARGER = 0.2  # lost by each crop more than by the one before
_CUT = 2.0  # lost by a mask all of which is near the edge ...
_NEAR_EDGE = 0.8  # ... farther from the click than this share of the radius
_INSIDE = (0.5, 0.8)  # probabilities from which on a voxel may be inside; each gives a mask
_SEGMENTS = 0.5  # share of segments in the vote after one click; further ones halve it
_CROPS_KEPT = 8


class SceneCrops:
    """A scene, and those of its crops that were encoded last. Not for several threads at once."""

    def __init__(self, network: PromptNetwork, scene: Scene) -> None:
        self.network = network
        self.scene = scene
        self._crops: OrderedDict[tuple[int, int], Crop] = OrderedDict()
        self._near: tuple[int, Int64, Float32] | None = None
        self._segments: tuple[int, Future[Int64]] | None = None
        self._geometry = ThreadPoolExecutor(1, "geometry")

    def around(self, row: int, level: int) -> Crop:
        """The voxels within `RADII_M[level]` of a voxel, encoded now or before."""
        crop = self._crops.pop((row, level), None)
        if crop is None:
            rows, distances = self._surroundings(row)
            rows = rows[distances <= RADII_M[level]]
            crop = self.network.encode(self.scene, rows, self.scene.points[row])
        self._crops[row, level] = crop
        if len(self._crops) > _CROPS_KEPT:
            self._crops.popitem(last=False)
        return crop

    def segments(self, row: int) -> Future[Int64]:
        """Segments of the voxels of the outer crop around a voxel; found beside other work."""
        if self._segments is None or self._segments[0] != row:
            rows, _ = self._surroundings(row)
            self._segments = row, self._geometry.submit(segments_of, self.scene, rows)
        return self._segments[1]

    def _surroundings(self, row: int) -> tuple[Int64, Float32]:
        """Rows of all voxels of the outer crop around a voxel, and their distances from it."""
        if self._near is None or self._near[0] != row:
            offset = self.scene.points - self.scene.points[row]
            distances = np.sqrt(np.einsum("ij,ij->i", offset, offset))
            rows = np.flatnonzero(distances <= RADII_M[-1])
            self._near = row, rows, distances[rows]
        return self._near[1:]


@dataclass(frozen=True, eq=False)
class _Step:
    """The session after a request: how many clicks it had, and what was found in which crop."""

    clicks: int
    answers: dict[int, Answer]
    result: PromptResult


class PromptSession:
    """Clicks on one object of a scene. Not for several threads at once.

    One click says nothing of the size of what is meant. So crops of all sizes around the first
    foreground click are asked, segments of shape and colour join in, and the mask is taken that
    most of them agree with.
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
        self._crops.segments(self._first)  # beside the network
        before = self._steps[-1].answers if self._steps else {}
        answers = {level: self._ask(level, before.get(level)) for level in self._levels()}
        result = self._agreed(answers)
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

    @property
    def _first(self) -> int:
        """Voxel of the first foreground click, around which the crops are."""
        return int(self._rows[self._foreground][0])

    def _crop(self, level: int) -> Crop:
        return self._crops.around(self._first, level)

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

    def _agreed(self, answers: dict[int, Answer]) -> PromptResult:
        """The candidate that fits the others best; for clicked voxels the clicks decide."""
        outer = self._crop(max(answers))  # it holds the other crops
        masks, scores = self._masks_of_crops(answers, outer)
        segments = self._segments_under_clicks(outer)
        share = _SEGMENTS**self.clicks if len(segments) else 0.0
        votes = np.full(len(segments), share / max(len(segments), 1))
        likely = (1 - share) * softmax(np.array(scores) / _SURENESS)
        candidates = np.concatenate([masks, segments])
        best = most_agreed(candidates, np.concatenate([likely, votes]))
        mask = np.zeros(len(self._crops.scene), np.bool_)
        mask[outer.rows] = candidates[best]
        hit = self._rows >= 0
        mask[self._rows[hit]] = self._foreground[hit]
        predicted = np.array([answer.predicted_iou for answer in answers.values()])
        return PromptResult(mask, float(softmax(predicted / _SURENESS) @ predicted))

    def _masks_of_crops(
        self, answers: dict[int, Answer], outer: Crop
    ) -> tuple[list[Bool], list[float]]:
        """Masks over the voxels of the outer crop that the network finds, and their scores."""
        points = self._crops.scene.points
        center = points[self._first]
        away = np.linalg.norm(points[outer.rows] - center, axis=1)
        masks, scores = [], []
        for level, answer in answers.items():
            crop = self._crop(level)
            ends = crop.whole or level == len(RADII_M) - 1  # no larger one shows more
            place = np.searchsorted(outer.rows, crop.rows)
            probability = answer.logits[0].sigmoid().cpu().numpy()[crop.source]
            for inside in _INSIDE:
                mask = np.zeros(len(outer.rows), np.bool_)
                mask[place] = probability > inside
                near_edge = mask & (away > _NEAR_EDGE * RADII_M[level]) & (not ends)
                cut = near_edge.sum() / max(mask.sum(), 1)
                masks.append(mask)
                scores.append(answer.predicted_iou - _LARGER * level - _CUT * cut)
        return masks, scores

    def _segments_under_clicks(self, outer: Crop) -> Bool:
        """Masks (M, C) over the voxels of the outer crop."""
        place = np.searchsorted(outer.rows, self._rows).clip(max=len(outer.rows) - 1)
        inside = outer.rows[place] == self._rows
        on, off = (place[inside & (self._foreground == flag)] for flag in (True, False))
        return segments_at(self._crops.segments(self._first).result(), on, off)
