"""LaSSM as its results were published: all points, superpoints of the mesh, classes of its head.

The segmenter `lassm` sees a map: one point a voxel, superpoints of a cloud, names by embeddings.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch

from seg3d_ros.compute import Compute
from seg3d_ros.errors import InputError
from seg3d_ros.evaluation.overlaps import NO_CLASS
from seg3d_ros.evaluation.predictions import Predictions
from seg3d_ros.evaluation.scenes import LabelledScene
from seg3d_ros.masks import Masks
from seg3d_ros.networks.lassm.inputs import prepare_input
from seg3d_ros.networks.lassm.instances import find_instances
from seg3d_ros.networks.lassm.network import LaSSM
from seg3d_ros.networks.lassm.releases import RELEASES, Release, load_released
from seg3d_ros.scene import Instances
from seg3d_ros.segmenters.settings import LassmSettings
from seg3d_ros.segmenters.superpoints import segment_cloud
from seg3d_ros.segmenters.weights import LASSM

logger = logging.getLogger(__name__)


class PublishedLassm:
    """Source of predictions.

    Args:
        model: the network.
        release: that it is one of.
        class_names: of the data set.
        compute: where it runs, and in which precision; results were published in fp32.

    Raises:
        InputError: the data set has none of its classes.
    """

    name = "lassm"

    def __init__(
        self, model: LaSSM, release: Release, class_names: Sequence[str], compute: Compute
    ) -> None:
        number = {name: i for i, name in enumerate(class_names)}
        self._classes = np.array([number.get(n, NO_CLASS) for n in release.class_names], np.int64)
        if (self._classes == NO_CLASS).all():
            raise InputError(
                f"this lassm finds {', '.join(release.class_names[:3])} and so on, of which the "
                "data set has none; choose another --label-set or checkpoint"
            )
        self._model = model.to(compute.device).eval()
        self._top_k = release.top_k
        self._compute = compute
        self._warned = False

    @torch.inference_mode()
    def predict(self, scene: LabelledScene) -> Predictions:
        """Segment the points of the file, not the voxels."""
        sample = scene.sample
        superpoint = sample.superpoint
        if superpoint is None:
            superpoint = segment_cloud(sample.points)
            if not self._warned:
                logger.warning(
                    "%s has no superpoint.npy; those of its points are used", sample.name
                )
                self._warned = True
        inputs = prepare_input(
            sample.points, sample.colors, superpoint, self._model.input_config
        ).to(self._compute.device)
        heads = self._compute.run(
            lambda: self._model.predict(inputs).stages[-1],
            checked=lambda heads: heads.labels.sum() + heads.masks.sum(),
            name=self.name,
        )
        sizes = torch.bincount(inputs.superpoint_of)
        found = find_instances(heads, sizes, top_k=self._top_k)
        masks = Masks.of(found.masks.cpu().numpy()).spread(inputs.superpoint_of.cpu().numpy())
        return Predictions(
            Instances(masks, found.scores.cpu().numpy()),
            classes=self._classes[found.classes.cpu().numpy()],
        )


def variant_for(class_names: Sequence[str]) -> str:
    """Name of the released model whose classes a data set has.

    Raises:
        InputError: there is none.
    """
    for variant, release in RELEASES.items():
        if set(release.class_names) <= set(class_names):
            return variant
    raise InputError(
        f"no released model of lassm finds the classes of this data set ({class_names[0]} and so "
        "on); choose another --label-set"
    )


def load_published_lassm(settings: LassmSettings, class_names: Sequence[str]) -> PublishedLassm:
    """The released model for a data set, in fp32 unless the settings say otherwise.

    Args:
        settings: device and precision; checkpoint, where it is not that of the release.
        class_names: of the data set.

    Raises:
        FileNotFoundError: the weights are not on this machine; the message says how to get them.
        InputError: the file holds other weights, or the data set other classes.
    """
    model, release = load_released(LASSM[variant_for(class_names)].find(settings.checkpoint))
    precision = "fp32" if settings.precision == "auto" else settings.precision
    compute = Compute.named(settings.device, precision)
    return PublishedLassm(model, release, class_names, compute)
