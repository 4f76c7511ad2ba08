"""Text tower of CLIP ViT-L/14, in whose space XMask3D's embeddings lie.

Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seg3d_ros.scene import Int64
from seg3d_ros.text.text_tower import TextTower

CLIP_SPACE = "clip-vit-large-patch14"
CLIP_REPOSITORY = "openai/clip-vit-large-patch14"
_TOKENS = 77  # of a text, both ends included


class ClipText(TextTower):
    """Text embeddings of CLIP ViT-L/14, 768-d, in float32 everywhere (0.5 GB)."""

    name = CLIP_SPACE
    dimension = 768
    temperature = 0.01  # CLIP's cap
    templates: tuple[str, ...] = ("{}",)  # XMask3D was trained with bare labels
    latin_only = True
    repository = CLIP_REPOSITORY
    _model_class = "CLIPTextModelWithProjection"
    _output = "text_embeds"
    _half_on_gpu = False

    def _tokenize(self, texts: Sequence[str]) -> Int64:
        """(B, 77) tokens; the end pads as well."""
        begin, end = self._special("<|startoftext|>", "<|endoftext|>")
        rows = np.full((len(texts), _TOKENS), end, np.int64)
        rows[:, 0] = begin
        for row, tokens in zip(rows, self._tokens_of(texts, _TOKENS - 2), strict=True):
            row[1 : 1 + len(tokens)] = tokens
        return rows
