"""Text tower of SigLIP 2, in whose space SpaCeFormer's embeddings lie.

Tschannen et al., "SigLIP 2: Multilingual Vision-Language Encoders with Improved Semantic
Understanding, Localization, and Dense Features", 2025.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seg3d_ros.scene import Int64
from seg3d_ros.text.text_tower import TextTower

SIGLIP2_SPACE = "siglip2-so400m-patch14-224"
SIGLIP2_REPOSITORY = "google/siglip2-so400m-patch14-224"
_TOKENS = 64  # trained with exactly so many, padding included and attended to


class SigLIP2(TextTower):
    """Text embeddings of siglip2-so400m-patch14-224, 1152-d.

    In float16 on CUDA (0.7 G parameters: 1.4 GB), in float32 elsewhere (2.8 GB). A text takes
    53 GFLOP, 0.6 s on one CPU core, however short it is; but a vocabulary whose labels are all
    in the cache needs neither time nor weights.
    """

    name = SIGLIP2_SPACE
    dimension = 1152
    # SigLIP 2's base models learned exp(logit_scale) of 113 to 115 for images and text, CLIP its
    # cap of 100. The rounder, softer one suits vectors that a network for points imitates.
    # (SigLIP's bias cancels in a softmax.)
    temperature = 0.01
    # The bare word, CLIP's sentence, the one transformers documents for SigLIP, and that of 3D
    # scenes (Peng et al., "OpenScene", CVPR 2023). Each costs one forward pass a word.
    templates: tuple[str, ...] = (
        "{}",
        "a photo of a {}",
        "this is a photo of {}",
        "a {} in a scene",
    )
    latin_only = False
    repository = SIGLIP2_REPOSITORY
    _model_class = "SiglipTextModel"
    _output = "pooler_output"  # of the last position, mostly padding
    _half_on_gpu = True

    def _tokenize(self, texts: Sequence[str]) -> Int64:
        """(B, 64) tokens as in training: lower case, the end marked, padded on the right."""
        end, padding = self._special("<eos>", "<pad>")
        rows = np.full((len(texts), _TOKENS), padding, np.int64)
        lowered = [text.lower() for text in texts]
        for row, tokens in zip(rows, self._tokens_of(lowered, _TOKENS - 1), strict=True):
            row[: len(tokens) + 1] = [*tokens, end]
        return rows
