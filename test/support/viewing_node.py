"""The node with a small xmask3d, one keyframe a segmentation; all but the first wait at a gate."""

from __future__ import annotations

from typing import Any

import torch

from seg3d_ros.compute import Compute
from seg3d_ros.node.main import main
from seg3d_ros.scene import Instances, Scene
from seg3d_ros.segmenters.registry import MODELS, ModelInfo
from seg3d_ros.segmenters.settings import XMask3DSettings
from seg3d_ros.segmenters.xmask3d.proposals import mask_proposals
from seg3d_ros.segmenters.xmask3d.segmenter import NamedClasses, XMask3DSegmenter
from support.slow_node import wait_at_gate
from support.xmask3d import open_classes, small_branch


class GatedViews(XMask3DSegmenter):
    """Without embeddings, whose text encoder tests do not have."""

    name = "gated views"
    embedding_space = None  # type: ignore[assignment]
    _looked = False

    def segment(self, scene: Scene) -> Instances:
        found = super().segment(scene)
        return Instances(found.masks, found.scores)

    def _vote_of_view(self, *view: Any) -> Any:
        if self._looked:
            wait_at_gate()
        self._looked = True
        return super()._vote_of_view(*view)


def _load(*_: object) -> GatedViews:
    return GatedViews(
        small_branch(),
        None,
        NamedClasses(("wall", "floor", "chair", "table", "lamp", "sofa"), open_classes()),
        mask_proposals("superpoints"),
        compute=Compute(torch.device("cpu")),
        settings=XMask3DSettings(keyframes_at_once=1),
    )


if __name__ == "__main__":
    MODELS["gated views"] = ModelInfo("gated views", "waits", "Apache-2.0", segmenter=_load)
    main()
