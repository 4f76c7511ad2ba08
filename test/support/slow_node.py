"""The node with a segmenter that takes as long as a test wants: it waits for a file to be there.

So "while it segments" is a state that a test can stay in, not a moment that it has to hit.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np

from seg3d_ros.errors import DeviceLostError
from seg3d_ros.masks import Masks
from seg3d_ros.node.main import main
from seg3d_ros.scene import Bool, Float32, Instances, Scene
from seg3d_ros.segmenters.registry import MODELS, ModelInfo
from seg3d_ros.segmenters.segmenter import PromptResult

GATE = "SEG3D_TEST_GATE"  # variable that holds the path of the file
LOST = "lost"  # content of the file: the segmenter's GPU has gone


def wait_at_gate() -> None:
    gate = Path(os.environ[GATE])
    while not gate.exists():
        time.sleep(0.01)
    if gate.read_text() == LOST:
        raise DeviceLostError("cuda:0 takes no more work from this process")


class GatedSegmenter:
    """Finds one object, the whole scene, once the gate is open."""

    name = "gated"
    embedding_space = None
    device = "cpu"

    def segment(self, scene: Scene) -> Instances:
        wait_at_gate()
        return Instances(Masks.of(np.ones((1, len(scene)), bool)), np.ones(1, np.float32))


class GatedPrompt:
    """Finds what is within 10 cm of the clicks, once the gate is open."""

    name = "gated"

    def segment_at(self, scene: Scene, points: Float32, foreground: Bool) -> PromptResult:
        wait_at_gate()
        distances = np.linalg.norm(scene.points[:, None] - points[foreground], axis=2)
        return PromptResult(distances.min(axis=1) < 0.1)


if __name__ == "__main__":
    MODELS["gated"] = ModelInfo(
        "gated",
        "waits for a file",
        "Apache-2.0",
        segmenter=lambda *_: GatedSegmenter(),
        prompt_segmenter=lambda _: GatedPrompt(),
    )
    main()
