"""Segmenters whose network knows a closed set of classes.

The embedding of an instance is the mean of the class names' own, weighted by their probabilities.
So any vocabulary can name the instances, and a query for a word that is no class finds its
neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from seg3d_ros.compute import Compute
from seg3d_ros.segmenters.masks.postprocess import BlockwiseSegmenter
from seg3d_ros.segmenters.settings import MaskSettings
from seg3d_ros.text.encoder import load_text_encoder
from seg3d_ros.text.ensemble import embed_words
from seg3d_ros.text.settings import TextSettings

EMBEDDING_SPACE = "all-MiniLM-L6-v2"

Network = TypeVar("Network", bound=nn.Module)


class ClosedSetSegmenter(BlockwiseSegmenter, Generic[Network]):
    """Instances with the mean embeddings of their class names.

    Args:
        model: the network.
        class_embeddings: (C, D) unit vectors of the class names.
        compute: where it runs, and in which precision.
        settings: which masks become instances.
        usual_points: see `BlockwiseSegmenter`.
        voxel_size: see `BlockwiseSegmenter`.
    """

    embedding_space = EMBEDDING_SPACE

    def __init__(
        self,
        model: Network,
        class_embeddings: Tensor,
        *,
        compute: Compute,
        settings: MaskSettings,
        usual_points: int,
        voxel_size: float | None = None,
    ) -> None:
        super().__init__(
            compute.device, settings, usual_points=usual_points, voxel_size=voxel_size
        )
        self._compute = compute
        self._model = model.to(compute.device).eval()
        self._class_embeddings = class_embeddings.to(compute.device)


def embed_class_names(names: Sequence[str], text: TextSettings) -> Tensor:
    """Unit vectors (C, D) of C class names.

    Args:
        names: one for each class.
        text: where the text encoder is, and where it runs.

    Raises:
        FileNotFoundError: its weights are not here.
        ImportError: its packages are missing.
    """
    encoder = load_text_encoder(EMBEDDING_SPACE, folder=text.folder, device=text.device)
    return torch.from_numpy(embed_words(encoder, names))


def mean_embeddings(probabilities: Tensor, class_embeddings: Tensor) -> Tensor:
    """Means (Q, D), of any length, of (C, D) vectors weighted by (Q, C) probabilities."""
    return probabilities.float() @ class_embeddings
