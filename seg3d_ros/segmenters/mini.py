"""The mini segmenter: the small open-vocabulary model that comes with the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from seg3d_ros.compute import pick_device
from seg3d_ros.networks.checkpoint import CheckpointError
from seg3d_ros.networks.mini import Mini
from seg3d_ros.networks.mini_decoder import Queries
from seg3d_ros.networks.seeds import seeds_for_all
from seg3d_ros.networks.trained import load_trained
from seg3d_ros.scene import Instances, Int64, Scene
from seg3d_ros.segmenters.postprocess import BlockwiseSegmenter, distinct
from seg3d_ros.segmenters.settings import NetworkSettings, PostprocessSettings
from seg3d_ros.segmenters.weights import MINI

SEEDS = 400  # a room holds about 30 instances
_BLOCK_POINTS = 600_000  # 3 GB on a CPU


class MiniSegmenter(BlockwiseSegmenter):
    """Instances with embeddings in the space of all-MiniLM-L6-v2."""

    name = "mini"
    embedding_space = "all-MiniLM-L6-v2"

    def __init__(
        self,
        model: Mini,
        *,
        network: NetworkSettings | None = None,
        postprocess: PostprocessSettings | None = None,
    ) -> None:
        limit = (network or NetworkSettings()).block_points or _BLOCK_POINTS
        super().__init__(next(model.parameters()).device, limit=limit, postprocess=postprocess)
        self._model = model.eval()

    @torch.inference_mode()
    def _propose(self, scene: Scene, rows: Int64) -> Instances:
        points, colors = scene.points[rows], scene.colors[rows]
        # Whole metres are a whole number of voxels; small numbers keep float32 exact far away.
        cloud = torch.from_numpy(points - np.floor(points.min(axis=0))).to(self._device)
        voxels, (scene_features,) = self._model.encode(
            cloud, torch.from_numpy(colors).to(self._device)
        )
        queries = self._model.decoder(scene_features, seeds_for_all(scene_features, count=SEEDS))
        queries, scores = self._distinct(queries)
        masks = self._model.decoder.masks(scene_features, queries) > self._mask_logit
        return Instances(
            masks.cpu().numpy()[:, voxels.cpu().numpy()],
            scores.cpu().numpy(),
            queries.embeddings.cpu().numpy(),
        )

    def _distinct(self, queries: Queries) -> tuple[Queries, Tensor]:
        """The best of the queries that found the same object, told on the coarse voxels."""
        scores = _scores(queries)
        rows = (scores >= self._postprocess.min_score).nonzero()[:, 0]
        masks = (queries.coarse[rows] > self._mask_logit).cpu().numpy()
        kept = distinct(masks, scores[rows].cpu().numpy(), iou=self._postprocess.nms_iou)
        rows = rows[torch.from_numpy(kept).to(rows.device)]
        return queries.take(rows), scores[rows]

    @property
    def _mask_logit(self) -> float:
        p = self._postprocess.mask_threshold
        return float(np.log(p / (1 - p)))


def _scores(queries: Queries) -> Tensor:
    """(Q,) the IoU that each query expects, times how sure its mask is."""
    inside = queries.coarse > 0
    probability = (queries.coarse.sigmoid() * inside).sum(dim=1)
    return queries.quality.sigmoid() * probability / inside.sum(dim=1).clamp(min=1)


def load_mini_segmenter(
    network: NetworkSettings, postprocess: PostprocessSettings
) -> MiniSegmenter:
    """The segmenter with the weights of the package, or those that the settings name.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds another network, or the device is not there.
    """
    path = Path(network.checkpoint).expanduser() if network.checkpoint else MINI
    trained = load_trained(path)
    if not isinstance(trained.network, Mini):
        raise CheckpointError(f"{path} holds a {type(trained.network).__name__}, not a Mini")
    model = trained.network.to(pick_device(network.device))
    return MiniSegmenter(model, network=network, postprocess=postprocess)
