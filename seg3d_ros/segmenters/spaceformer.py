"""The spaceformer segmenter: scenes to open-vocabulary instances with NVIDIA's SpaCeFormer."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from seg3d_ros.masks import Masks
from seg3d_ros.scene import Instances, Int64, Scene
from seg3d_ros.segmenters.masks.blocks import SMALLEST_BLOCK
from seg3d_ros.segmenters.masks.postprocess import (
    BlockwiseSegmenter,
    looks_inverted,
    propose,
    score_queries,
)
from seg3d_ros.segmenters.settings import SpaceformerSettings
from seg3d_ros.segmenters.spaceformer_engine import Engine, load_engine
from seg3d_ros.segmenters.weights import SPACEFORMER
from seg3d_ros.sparse.quarter_turns import turned

logger = logging.getLogger(__name__)

VOXEL_SIZE_M = 0.02  # of the network; it voxelises by itself
# Points at once where nothing is set; where memory does not suffice, blocks get smaller. The CPU's
# limit is fixed, as Linux kills a process rather than refuse it memory.
_CPU_POINTS = 100_000  # 5 GB
_BYTES_PER_POINT = 50_000  # 39 kB were seen in fp32


class SpaceformerSegmenter(BlockwiseSegmenter):
    """Instances with embeddings in the space of SigLIP 2.

    Threads: `segment` may be called from any thread, one at a time; all calls share the network.
    """

    name = "spaceformer"
    embedding_space = "siglip2-so400m-patch14-224"

    def __init__(self, engine: Engine, settings: SpaceformerSettings) -> None:
        self.engine = engine
        self._views = settings.augmented_views
        device = engine.compute.device
        usual = _usual_points(device)
        super().__init__(device, settings, usual_points=usual, voxel_size=VOXEL_SIZE_M)
        self._checked = False

    @torch.no_grad()  # not `inference_mode`, see `WarpConvNetEngine`
    def _propose(self, scene: Scene, rows: Int64) -> Instances:
        """Proposals of all views of a part of the scene."""
        points, colors = scene.points[rows], scene.colors[rows]
        # Whole metres are a whole number of voxels; small numbers keep float32 exact far away.
        origin = np.floor(points.min(axis=0))
        cloud = torch.from_numpy(points - origin).to(self._device)
        features = torch.from_numpy(colors).to(self._device) * 2 - 1
        turns = (turned(cloud, view) for view in range(self._views))
        return _pooled([self._propose_view(seen, features) for seen in turns])

    def _propose_view(self, points: Tensor, features: Tensor) -> Instances:
        queries = self.engine(points, features)
        scored = score_queries(queries, mask_threshold=self._settings.mask_threshold)
        if not self._checked:
            self._checked = True
            if looks_inverted(scored):
                logger.warning(
                    "the scores of spaceformer look inverted: queries called objects have the "
                    "worse masks. If instances are nonsense, OBJECT_COLUMN in "
                    "segmenters/postprocess.py has to be the other one; please report it"
                )
        return propose(queries, scored, self._settings, space=self.embedding_space)


def load_spaceformer_segmenter(settings: SpaceformerSettings) -> SpaceformerSegmenter:
    """The segmenter with the weights that the settings name.

    Raises:
        FileNotFoundError: the weights are not on this machine; the message says how to get them.
        InputError: the file holds other weights, or the device is not there.
    """
    engine = load_engine(SPACEFORMER.find(settings.checkpoint), settings)
    return SpaceformerSegmenter(engine, settings)


def _usual_points(device: torch.device) -> int:
    if device.type == "cpu":
        return _CPU_POINTS
    free, _ = torch.cuda.mem_get_info(device)
    return max(SMALLEST_BLOCK, free // _BYTES_PER_POINT)


def _pooled(views: list[Instances]) -> Instances:
    """Proposals of all views.

    Queries do not stand for the same thing in two views, so nothing is averaged; duplicates are
    left to the suppression.
    """
    if len(views) == 1:
        return views[0]
    embeddings = [view.embeddings for view in views if view.embeddings is not None]
    return replace(
        views[0],
        masks=Masks.concatenate([view.masks for view in views]),
        scores=np.concatenate([view.scores for view in views]),
        embeddings=np.concatenate(embeddings),
    )
