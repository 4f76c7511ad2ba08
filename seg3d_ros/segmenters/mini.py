"""The mini segmenter: the small open-vocabulary model that comes with the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from seg3d_ros.networks.checkpoint import CheckpointError
from seg3d_ros.networks.mini import Mini
from seg3d_ros.networks.mini_decoder import Decoded
from seg3d_ros.networks.seeds import seeds_for_all
from seg3d_ros.networks.trained import load_trained
from seg3d_ros.scene import Instances, Int64, Scene
from seg3d_ros.segmenters.blocks import segment_blocks
from seg3d_ros.segmenters.postprocess import distinct, finish, take
from seg3d_ros.segmenters.settings import NetworkSettings, PostprocessSettings
from seg3d_ros.segmenters.spaceformer_engine import pick_torch_device
from seg3d_ros.segmenters.weights import MINI

SEEDS = 256  # a room holds about 30 instances
_BLOCK_POINTS = 600_000  # 3 GB on a CPU


class MiniSegmenter:
    """Instances with embeddings in the space of all-MiniLM-L6-v2.

    Threads: `segment` may be called from any thread, one at a time.
    """

    name = "mini"
    embedding_space = "all-MiniLM-L6-v2"

    def __init__(
        self,
        model: Mini,
        *,
        network: NetworkSettings | None = None,
        postprocess: PostprocessSettings | None = None,
    ) -> None:
        self._model = model.eval()
        self._device = next(model.parameters()).device
        self._limit = (network or NetworkSettings()).block_points or _BLOCK_POINTS
        self._postprocess = postprocess or PostprocessSettings()

    @property
    def device(self) -> str:
        """Where the network runs."""
        return str(self._device)

    def segment(self, scene: Scene) -> Instances:
        """Instances, best score first; those of a large scene are put together from blocks."""
        if not len(scene):
            return Instances(np.zeros((0, 0), np.bool_), np.zeros(0, np.float32))
        proposals, _ = segment_blocks(
            scene.points, lambda rows: self._propose(scene, rows), limit=self._limit
        )
        return finish(proposals, scene, self._postprocess)

    @torch.inference_mode()
    def _propose(self, scene: Scene, rows: Int64) -> Instances:
        points, colors = scene.points[rows], scene.colors[rows]
        # Whole metres are a whole number of voxels; small numbers keep float32 exact far away.
        cloud = torch.from_numpy(points - np.floor(points.min(axis=0))).to(self._device)
        voxels, scenes = self._model.encode(cloud, torch.from_numpy(colors).to(self._device))
        votes = scenes[0].votes
        seeds = seeds_for_all(votes.middles, votes.log_radii.exp(), count=SEEDS)
        found = self._distinct(self._model.decoder(scenes[0], seeds))
        return Instances(found.masks[:, voxels.cpu().numpy()], found.scores, found.embeddings)

    def _distinct(self, decoded: Decoded) -> Instances:
        """Masks over voxels without duplicates; many seeds lie on the same object."""
        proposals = Instances(
            (decoded.masks > self._mask_logit).cpu().numpy(),
            _scores(decoded).cpu().numpy(),
            decoded.embeddings.cpu().numpy(),
        )
        good = np.flatnonzero(proposals.scores >= self._postprocess.min_score)
        proposals = take(proposals, good)
        kept = distinct(proposals.masks, proposals.scores, iou=self._postprocess.nms_iou)
        return take(proposals, kept)

    @property
    def _mask_logit(self) -> float:
        p = self._postprocess.mask_threshold
        return float(np.log(p / (1 - p)))


def _scores(decoded: Decoded) -> Tensor:
    """(Q,) the IoU that each query expects, times how sure its mask is."""
    inside = decoded.masks > 0
    probability = (decoded.masks.sigmoid() * inside).sum(dim=1)
    return decoded.quality.sigmoid() * probability / inside.sum(dim=1).clamp(min=1)


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
    model = trained.network.to(pick_torch_device(network.device))
    return MiniSegmenter(model, network=network, postprocess=postprocess)
