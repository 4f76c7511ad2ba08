"""A session of clicks on one object: the cloud is encoded once, each click runs the decoder."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from seg3d_ros.scene import Bool, Int64, Scene
from seg3d_ros.segmenters.prompt_network import Answer, Crop, PromptNetwork
from seg3d_ros.segmenters.segmenter import PromptResult

RADII_M = (0.5, 1.0, 2.0, 3.2)  # of crops; the next one is taken when the object does not fit
INNER_SHARE = 0.65  # of the radius; what lies beyond is there to tell where objects end
_ON_BORDER = 0.03  # of a mask's voxels, from which on it touches the border
# The mask of a first click is thought to be a part of that in the next larger crop if this much of
# it is inside, if it is smaller by such a factor, and if the network is not less sure by so much.
_PART_INSIDE = 0.8
_PART_FACTORS = (1.2, 6.0)
_LESS_SURE = 0.05
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
    """The session after a request: how many clicks it had, and what was found where."""

    clicks: int
    level: int
    answer: Answer
    result: PromptResult


class PromptSession:
    """Clicks on one object of a scene. Not for several threads at once.

    The crop is around the first foreground click. It grows until it holds all foreground clicks
    and the mask does not touch its border. With the first request it also grows where more around
    the click shows that the mask was of a part only.
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
        """Add clicks and segment anew, from the mask so far.

        Args:
            rows: (K,) voxels of the scene; -1 for background clicks that hit none.
            foreground: (K,) True on the object, False off it; in the first call one at least.
        """
        self._rows = np.concatenate([self._rows, rows])
        self._foreground = np.concatenate([self._foreground, foreground])
        last = self._steps[-1] if self._steps else None
        level = self._level_of_clicks(last.level if last else 0)
        same_crop = last is not None and last.level == level
        found = self._segment(level, last.answer if last and same_crop else None)
        while level + 1 < len(RADII_M) and not found[0].whole:
            reaches_out = _touches_border(*found)
            if last is not None and not reaches_out:
                break
            wider = self._segment(level + 1, None)
            if not (reaches_out or _is_part(found, wider)):
                break
            level, found = level + 1, wider
        crop, answer = found
        result = PromptResult(self._mask(crop, answer), answer.predicted_iou)
        self._steps.append(_Step(self.clicks, level, answer, result))
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

    def _anchor(self) -> int:
        return int(self._rows[self._foreground][0])

    def _level_of_clicks(self, level: int) -> int:
        """The smallest crop, of this level or above, that holds all foreground clicks."""
        points = self._crops.scene.points
        offset = points[self._rows[self._foreground]] - points[self._anchor()]
        reach = float(np.linalg.norm(offset, axis=1).max())
        while level + 1 < len(RADII_M) and reach > INNER_SHARE * RADII_M[level]:
            level += 1
        return level

    def _segment(self, level: int, before: Answer | None) -> tuple[Crop, Answer]:
        """The mask of all clicks; where there is none to start from, of the first click first."""
        network, crop = self._crops.network, self._crops.around(self._anchor(), level)
        clicked, foreground = self._clicks_in(crop)
        if before is None:
            first = np.flatnonzero(foreground)[:1]
            before = network.answer(crop, clicked[first], foreground[first])
            if len(clicked) == 1:
                return crop, before
        return crop, network.answer(crop, clicked, foreground, before=before)

    def _clicks_in(self, crop: Crop) -> tuple[Int64, Bool]:
        """Encoded points of the clicks inside a crop, and whether they are foreground."""
        place = np.searchsorted(crop.rows, self._rows).clip(max=len(crop.rows) - 1)
        inside = crop.rows[place] == self._rows
        return crop.source[place[inside]], self._foreground[inside]

    def _mask(self, crop: Crop, answer: Answer) -> Bool:
        """(N,) over the scene; for clicked voxels the clicks have the last word."""
        mask = np.zeros(len(self._crops.scene), np.bool_)
        mask[crop.rows] = _inside(crop, answer)
        hit = self._rows >= 0
        mask[self._rows[hit]] = self._foreground[hit]
        return mask


def _touches_border(crop: Crop, answer: Answer) -> bool:
    mask = _inside(crop, answer)
    outer = crop.distances > INNER_SHARE * crop.radius
    return bool(np.count_nonzero(mask & outer) > _ON_BORDER * np.count_nonzero(mask))


def _is_part(found: tuple[Crop, Answer], wider: tuple[Crop, Answer]) -> bool:
    """Whether the mask in the next larger crop is of the whole, and the other one of a part."""
    if wider[1].predicted_iou < found[1].predicted_iou - _LESS_SURE:
        return False
    part, whole = (crop.rows[_inside(crop, answer)] for crop, answer in (found, wider))
    inside = np.isin(part, whole, assume_unique=True).sum()
    low, high = (factor * len(part) for factor in _PART_FACTORS)
    return bool(inside >= _PART_INSIDE * len(part) and low <= len(whole) <= high)


def _inside(crop: Crop, answer: Answer) -> Bool:
    """(C,) which voxels of a crop are in a mask."""
    mask: Bool = (answer.logits[0] > 0).cpu().numpy()[crop.source]
    return mask
