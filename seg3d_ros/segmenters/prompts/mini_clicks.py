"""The mini_clicks prompt segmenter: a first mask of Point-SAM, refined at every voxel."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seg3d_ros.compute import Compute, loss_told
from seg3d_ros.networks.checkpoint import CheckpointError
from seg3d_ros.networks.mini.network import Mini
from seg3d_ros.networks.mini_clicks.network import load_mini_clicks
from seg3d_ros.networks.trained import load_trained
from seg3d_ros.scene import Bool, Float32, Int64, Scene
from seg3d_ros.segmenters.prompts.click_network import ClickNetwork, EncodedBox
from seg3d_ros.segmenters.prompts.clicks import check_clicks, clicked_voxels
from seg3d_ros.segmenters.prompts.point_sam import load_point_sam_prompt
from seg3d_ros.segmenters.segmenter import PromptResult, PromptSegmenter
from seg3d_ros.segmenters.settings import MiniClicksSettings, PointSamSettings
from seg3d_ros.segmenters.weights import MINI, POINT_SAM_MINI

_MARGIN_M, _MARGIN_SHARE = 0.3, 0.4  # of a box beyond the mask, by its largest extent ...
_LEAST_M, _LEAST_SHARE = 0.1, 0.1  # ... and of one that still serves when the mask has grown
_CERTAIN = 0.85  # probability of voxels in the first mask


@dataclass(frozen=True, eq=False)
class _Step:
    """The session after a request.

    Attributes:
        rows: (K,) int64 voxels of all clicks so far, -1 for clicks into the open.
        foreground: (K,) bool.
        box: surroundings that were encoded; None before the first refinement.
        probability: (N,) float32 of the voxels of the scene.
        result: the mask.
    """

    rows: Int64
    foreground: Bool
    box: EncodedBox | None
    probability: Float32
    result: PromptResult

    def begins(self, rows: Int64, foreground: Bool) -> bool:
        """Whether these clicks go on from those of the step."""
        count = len(self.rows)
        same = np.array_equal(self.rows, rows[:count])
        return same and np.array_equal(self.foreground, foreground[:count])


class MiniClicksPrompt:
    """Finds the object under the clicks.

    The first call is answered by another segmenter. One whose clicks begin with those of the call
    before, on the same scene, refines its mask; one that leaves out the newest clicks takes them
    back.

    Threads: any may call; one lock makes a second caller wait for the first.

    Args:
        first: answers the first request of a session.
        network: refines its mask.
    """

    name = "mini_clicks"

    def __init__(self, first: PromptSegmenter, network: ClickNetwork) -> None:
        self._first = first
        self._network = network
        self._lock = threading.Lock()
        self._scene: Scene | None = None
        self._steps: list[_Step] = []

    def segment_at(self, scene: Scene, points: Float32, foreground: Bool) -> PromptResult:
        """The object under the foreground clicks; shapes and more errors: see `PromptSegmenter`.

        Raises:
            BlockTooLargeError: the device has not even memory for a small cloud.
            DeviceLostError: the GPU takes no more work from this process.
        """
        check_clicks(points, foreground)
        rows = clicked_voxels(scene, points, foreground)
        with self._lock, loss_told(self._network.device):
            if self._scene is not scene:
                self._scene, self._steps = scene, []
            while self._steps and not self._steps[-1].begins(rows, foreground):
                self._steps.pop()
            if not self._steps:
                result = self._first.segment_at(scene, points, foreground)
                before = np.where(result.mask, _CERTAIN, 1 - _CERTAIN).astype(np.float32)
                self._steps.append(_Step(rows, foreground, None, before, result))
            elif len(self._steps[-1].rows) < len(rows):
                self._steps.append(self._refined(scene, rows, foreground, self._steps[-1]))
            return self._steps[-1].result

    def _refined(self, scene: Scene, rows: Int64, foreground: Bool, last: _Step) -> _Step:
        """The session with new clicks."""
        hit = rows >= 0
        wanted = np.union1d(np.flatnonzero(last.probability > 0.5), rows[hit])
        box = self._box(scene, wanted, last.box)
        probability = self._network.refine(box, rows, foreground, last.probability)
        probability[rows[hit]] = foreground[hit]  # for clicked voxels the clicks decide
        mask = probability > 0.5
        result = PromptResult(mask, _expected_iou(probability, mask))
        return _Step(rows, foreground, box, probability, result)

    def _box(self, scene: Scene, rows: Int64, last: EncodedBox | None) -> EncodedBox:
        """The last box if these voxels lie well inside, else a new one around them."""
        low, high = scene.points[rows].min(axis=0), scene.points[rows].max(axis=0)
        extent = float((high - low).max())
        least = _LEAST_M + _LEAST_SHARE * extent
        if last and (low - least >= last.low).all() and (high + least <= last.high).all():
            return last
        margin = _MARGIN_M + _MARGIN_SHARE * extent
        return self._network.encode(scene, low - margin, high + margin)


def _expected_iou(probability: Float32, mask: Bool) -> float:
    """IoU of a mask with an object of these voxels, if each were drawn by itself."""
    both = float(probability[mask].sum())
    either = mask.sum() + float(probability[~mask].sum())
    return both / either if either else 0.0


def load_mini_clicks_prompt(path: Path, settings: MiniClicksSettings) -> MiniClicksPrompt:
    """Segmenter with weights from a file, on `mini` and `point_sam_mini` of the package.

    Args:
        path: a safetensors file, or the checkpoint of a training.
        settings: where and how the networks run.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: the file holds other weights, or the device is not there.
    """
    mini = load_trained(MINI).network
    if not isinstance(mini, Mini):
        raise CheckpointError(f"{MINI} holds a {type(mini).__name__}, not a Mini")
    compute = Compute.named(settings.device, settings.precision)
    first = PointSamSettings(device=settings.device, precision=settings.precision)
    return MiniClicksPrompt(
        load_point_sam_prompt(POINT_SAM_MINI, first),
        ClickNetwork(mini, load_mini_clicks(path), compute),
    )
