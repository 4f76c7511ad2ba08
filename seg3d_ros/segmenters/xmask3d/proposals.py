"""Class-agnostic masks that become the instances of xmask3d."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from seg3d_ros.masks import Masks
from seg3d_ros.scene import Instances, Scene
from seg3d_ros.segmenters.geometric.segmenter import GeometricSegmenter
from seg3d_ros.segmenters.mini import load_mini_segmenter
from seg3d_ros.segmenters.settings import MiniSettings
from seg3d_ros.segmenters.superpoints import segment_cloud

MaskProposals = Callable[[Scene], Instances]
_MOST_SUPERPOINTS = 500


def mask_proposals(name: str) -> MaskProposals:
    """Class-agnostic masks by the name that the setting has."""
    if name == "geometric":
        return GeometricSegmenter().segment
    if name == "mini":
        return load_mini_segmenter(MiniSettings()).segment
    return _superpoints


def _superpoints(scene: Scene) -> Instances:
    """Largest superpoints, each a mask; their scores are even."""
    superpoint_of = segment_cloud(scene.points)
    sizes = np.bincount(superpoint_of)
    largest = np.argsort(-sizes, kind="stable")[:_MOST_SUPERPOINTS]
    number = np.full(len(sizes), -1)
    number[largest] = np.arange(len(largest))
    masks = Masks.of_labels(number[superpoint_of], len(largest))
    return Instances(masks, np.full(len(largest), 0.5, np.float32))
