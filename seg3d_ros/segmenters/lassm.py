"""The lassm segmenter: a closed set of classes, with the released weights of LaSSM."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import normalize

from seg3d_ros.compute import Compute
from seg3d_ros.masks import Masks
from seg3d_ros.networks.checkpoint import REFERENCE_SCALAR, CheckpointError, read_checkpoint
from seg3d_ros.networks.lassm.inputs import prepare_input
from seg3d_ros.networks.lassm.instances import find_instances
from seg3d_ros.networks.lassm.network import LaSSM
from seg3d_ros.networks.lassm.releases import build_released
from seg3d_ros.networks.trained import load_trained
from seg3d_ros.scene import Instances, Int64, Scene
from seg3d_ros.segmenters.closed_set import ClosedSetSegmenter, embed_class_names, mean_embeddings
from seg3d_ros.segmenters.masks.overlaps import mask_nms
from seg3d_ros.segmenters.settings import LassmSettings, MaskSettings
from seg3d_ros.segmenters.superpoints import segment_cloud
from seg3d_ros.segmenters.weights import LASSM
from seg3d_ros.text.settings import TextSettings

_BLOCK_POINTS = 600_000  # 3 GB on a CPU
_TOP_K = 300  # of a model that the user trained


class LassmSegmenter(ClosedSetSegmenter[LaSSM]):
    """Instances made of superpoints, which are computed here.

    Args:
        model: the network.
        class_embeddings: (C, D) unit vectors of the class names.
        top_k: pairs of query and class that are looked at.
        compute: where it runs, and in which precision.
        settings: which masks become instances.
    """

    name = "lassm"

    def __init__(
        self,
        model: LaSSM,
        class_embeddings: Tensor,
        *,
        top_k: int,
        compute: Compute,
        settings: MaskSettings,
    ) -> None:
        super().__init__(
            model,
            class_embeddings,
            compute=compute,
            settings=settings,
            usual_points=_BLOCK_POINTS,
            voxel_size=model.input_config.voxel_size,
        )
        self._top_k = top_k

    @torch.inference_mode()
    def _propose(self, scene: Scene, rows: Int64) -> Instances:
        points, colors = scene.points[rows], scene.colors[rows]
        superpoint_of = segment_cloud(points)
        inputs = prepare_input(points, colors, superpoint_of, self._model.input_config)
        inputs = inputs.to(self._device)
        heads = self._compute.run(
            lambda: self._model.predict(inputs).stages[-1],
            checked=lambda heads: heads.labels.sum() + heads.masks.sum(),
            name=self.name,
        )
        sizes = torch.bincount(inputs.superpoint_of)
        found = find_instances(
            heads,
            sizes,
            top_k=self._top_k,
            min_points=self._settings.min_mask_points,
            min_score=self._settings.min_score,
            mask_threshold=self._settings.mask_threshold,
        )
        of_class = heads.labels.float().softmax(1)[:, :-1]
        embeddings = mean_embeddings(of_class, self._class_embeddings)[found.queries]
        on_superpoints = Instances(
            Masks.of(found.masks.cpu().numpy()),
            found.scores.cpu().numpy(),
            normalize(embeddings, dim=1).cpu().numpy(),
            self.embedding_space,
        )
        return self._spread(on_superpoints, superpoint_of, sizes.cpu().numpy())

    def _spread(self, instances: Instances, superpoint_of: Int64, sizes: Int64) -> Instances:
        """Masks over the points; duplicates, such as other classes, take no memory there."""
        iou = self._settings.nms_iou
        best = mask_nms(instances.masks, instances.scores, iou=iou, weights=sizes)
        kept = instances.select(best[: self._settings.max_instances])
        return replace(kept, masks=kept.masks.spread(superpoint_of))


def load_lassm_segmenter(settings: LassmSettings, text: TextSettings) -> LassmSegmenter:
    """The segmenter with the weights that the settings name.

    Args:
        settings: of the model.
        text: where the encoder of its class names is.

    Raises:
        FileNotFoundError: the weights are not on this machine; the message says how to get them.
        InputError: the file holds other weights, or the device is not there.
    """
    path = LASSM[settings.variant].find(settings.checkpoint)
    checkpoint = read_checkpoint(path, allowed=REFERENCE_SCALAR)
    if "recipe" in checkpoint:
        trained = load_trained(path)
        if not isinstance(trained.network, LaSSM):
            raise CheckpointError(f"{path} holds a {type(trained.network).__name__}, not a LaSSM")
        model, names, top_k = trained.network, trained.class_names, _TOP_K
    else:
        model, release = build_released(checkpoint, source=path)
        names, top_k = tuple(release.class_names), release.top_k
    return LassmSegmenter(
        model,
        embed_class_names(names, text),
        top_k=top_k,
        compute=Compute.named(settings.device, settings.precision),
        settings=settings,
    )
