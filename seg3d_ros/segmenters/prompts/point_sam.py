"""The point_sam prompt segmenter: clicks answered by Point-SAM, the released one or the small."""

from __future__ import annotations

import threading
from pathlib import Path

from seg3d_ros.compute import Compute, loss_told
from seg3d_ros.networks.point_sam.config import MINI, PointSamConfig
from seg3d_ros.networks.point_sam.network import load_point_sam
from seg3d_ros.scene import Bool, Float32, Scene
from seg3d_ros.segmenters.prompts.clicks import check_clicks, clicked_voxels
from seg3d_ros.segmenters.prompts.point_sam_session import PromptSession, SceneCrops
from seg3d_ros.segmenters.prompts.prompt_network import PromptNetwork
from seg3d_ros.segmenters.segmenter import PromptResult
from seg3d_ros.segmenters.settings import PointSamSettings


class PointSamPrompt:
    """Finds the object under the clicks.

    A call whose clicks begin with those of the call before, on the same scene, goes on from its
    mask and runs the decoder only; one that leaves out the newest clicks takes them back.

    Threads: any may call; one lock makes a second caller wait for the first.

    Args:
        name: it is registered under.
        network: on its device.
    """

    def __init__(self, name: str, network: PromptNetwork) -> None:
        self.name = name
        self._network = network
        self._lock = threading.Lock()
        self._crops: SceneCrops | None = None
        self._session: PromptSession | None = None

    def segment_at(self, scene: Scene, points: Float32, foreground: Bool) -> PromptResult:
        """The object under the foreground clicks; shapes and more errors: see `PromptSegmenter`.

        Raises:
            BlockTooLargeError: the device has not even memory for a small cloud.
            DeviceLostError: the GPU takes no more work from this process.
        """
        check_clicks(points, foreground)
        rows = clicked_voxels(scene, points, foreground)
        with self._lock, loss_told(self._network.device):
            crops = self._take(scene)
            found = self._session.continue_with(rows, foreground) if self._session else None
            if found is None:
                self._session = PromptSession(crops)
                found = self._session.click(rows, foreground)
            return found

    def _take(self, scene: Scene) -> SceneCrops:
        if self._crops is None or self._crops.scene is not scene:
            self._crops, self._session = SceneCrops(self._network, scene), None
        return self._crops


def load_point_sam_prompt(
    path: Path, settings: PointSamSettings, *, config: PointSamConfig | None = None
) -> PointSamPrompt:
    """Segmenter with weights from a file, point_sam or point_sam_mini by their size.

    Args:
        path: a safetensors file, or the checkpoint of a training.
        settings: where and how the network runs.
        config: sizes of the network in the file; None: of any size that has a name.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: the file holds other weights, or the device is not there.
    """
    compute = Compute.named(settings.device, settings.precision)
    network = load_point_sam(path, config=config)
    name = "point_sam_mini" if network.config == MINI else "point_sam"
    return PointSamPrompt(name, PromptNetwork(network, compute))
