"""Embeddings of instances whose network knows a closed set of classes.

The embedding is the mean of the class names' own, weighted by their probabilities. So any
vocabulary can name the instances, and a query for a word that is no class finds its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from seg3d_ros.segmenters.settings import NetworkSettings
from seg3d_ros.text.encoder import load_text_encoder
from seg3d_ros.text.ensemble import embed_words

EMBEDDING_SPACE = "all-MiniLM-L6-v2"


def embed_class_names(names: Sequence[str], network: NetworkSettings) -> Tensor:
    """Unit vectors (C, D) of C class names.

    Args:
        names: one for each class.
        network: where the text encoder is, and where it runs.

    Raises:
        FileNotFoundError: its weights are not here.
        ImportError: its packages are missing.
    """
    encoder = load_text_encoder(EMBEDDING_SPACE, folder=network.text_folder, device=network.device)
    return torch.from_numpy(embed_words(encoder, names))


def mean_embeddings(probabilities: Tensor, class_embeddings: Tensor) -> Tensor:
    """Means (Q, D), of any length, of (C, D) vectors weighted by (Q, C) probabilities."""
    return probabilities.float() @ class_embeddings
