"""The maskformer segmenter: a closed set of classes, trained by the user with `seg3d train`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from seg3d_ros.compute import Compute
from seg3d_ros.networks.checkpoint import CheckpointError
from seg3d_ros.networks.maskformer.network import MaskFormer, MaskFormerOutput, class_probabilities
from seg3d_ros.networks.trained import load_trained
from seg3d_ros.scene import Instances, Int64, Scene
from seg3d_ros.segmenters.closed_set import ClosedSetSegmenter, embed_class_names, mean_embeddings
from seg3d_ros.segmenters.masks.postprocess import (
    Queries,
    propose,
    score_queries,
)
from seg3d_ros.segmenters.settings import MaskFormerSettings
from seg3d_ros.text.settings import TextSettings

_BLOCK_POINTS = 300_000


class MaskFormerSegmenter(ClosedSetSegmenter[MaskFormer]):
    """Instances of a MaskFormer, see `ClosedSetSegmenter` for the arguments."""

    name = "maskformer"

    @torch.inference_mode()
    def _propose(self, scene: Scene, rows: Int64) -> Instances:
        points, colors = scene.points[rows], scene.colors[rows]
        # Whole metres are whole waves of the position encoding; small numbers keep it exact.
        cloud = torch.from_numpy(points - np.floor(points.min(axis=0))).to(self._device)
        features = torch.from_numpy(colors).to(self._device)
        output = self._compute.run(
            lambda: self._model.predict(cloud, features),
            checked=lambda output: output.logits,
            name=self.name,
        )
        queries = self._queries(output)
        scored = score_queries(queries, mask_threshold=self._settings.mask_threshold)
        return propose(queries, scored, self._settings, space=self.embedding_space)

    def _queries(self, output: MaskFormerOutput) -> Queries:
        """The best class stands for "object"; its probability becomes that of the query."""
        classes = class_probabilities(output.logits[0])
        best = torch.logit(classes.amax(dim=1), eps=1e-6)
        return Queries(
            torch.stack([best, torch.zeros_like(best)], dim=1),
            output.masks[0].t(),
            mean_embeddings(classes, self._class_embeddings),
        )


def load_maskformer_segmenter(
    settings: MaskFormerSettings, text: TextSettings
) -> MaskFormerSegmenter:
    """The segmenter with the checkpoint that the settings name.

    Args:
        settings: of the model.
        text: where the encoder of its class names is.

    Raises:
        InputError: the file holds another network, or the device is not there.
        FileNotFoundError: there is no such file.
    """
    path = Path(settings.checkpoint).expanduser()
    trained = load_trained(path)
    if not isinstance(trained.network, MaskFormer):
        raise CheckpointError(f"{path} holds a {type(trained.network).__name__}, not a MaskFormer")
    return MaskFormerSegmenter(
        trained.network,
        embed_class_names(trained.class_names, text),
        compute=Compute.named(settings.device, settings.precision),
        settings=settings,
        usual_points=_BLOCK_POINTS,
    )
