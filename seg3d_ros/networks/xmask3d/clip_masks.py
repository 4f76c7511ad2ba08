"""CLIP's opinion of masks: a class token for each, which sees the patches under its mask.

Ding et al., "Open-Vocabulary Universal Image Segmentation with MaskCLIP", ICML 2023.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d, interpolate

_MEAN = (0.48145466, 0.4578275, 0.40821073)
_DEVIATION = (0.26862954, 0.26130258, 0.27577711)


@torch.no_grad()
def embed_masks(vision: Any, image: Tensor, mask_logits: Tensor) -> Tensor:
    """(Q, D) embeddings of masks.

    Mask tokens start as copies of the class token and see it and the patches under the mask;
    nothing sees them, so that all else is as without them.

    Args:
        vision: `CLIPVisionModelWithProjection` of transformers.
        image: (3, H, W) RGB in [0, 1].
        mask_logits: (Q, h, w) on a grid that covers the image.
    """
    config, tower = vision.config, vision.vision_model
    if not len(mask_logits):
        return mask_logits.new_zeros(0, config.projection_dim)
    pixels = _normalized(image, config.image_size).to(vision.dtype)
    tokens = tower.pre_layrnorm(tower.embeddings(pixels))  # (1, 1 + patches, C)
    count, edge = len(mask_logits), config.image_size // config.patch_size
    hidden = _hidden_patches(mask_logits, config.image_size, edge)
    x = torch.cat([tokens[:, :1].expand(-1, count, -1), tokens], 1)
    out = tower.encoder(inputs_embeds=x, attention_mask=_additive(hidden, x.dtype))[0]
    embeddings: Tensor = vision.visual_projection(tower.post_layernorm(out[0, :count]))
    return embeddings


def _normalized(image: Tensor, size: int) -> Tensor:
    """(1, 3, S, S) as CLIP was trained."""
    mean, deviation = (image.new_tensor(values)[:, None, None] for values in (_MEAN, _DEVIATION))
    resized = interpolate(image[None], (size, size), mode="bilinear", align_corners=False)
    return (resized - mean) / deviation


def _hidden_patches(mask_logits: Tensor, size: int, edge: int) -> Tensor:
    """(Q, patches) bool, patches that no part of a mask is in."""
    large = interpolate(mask_logits[None], (size, size), mode="bilinear", align_corners=False)
    return (adaptive_max_pool2d(large[0].sigmoid(), edge) < 0.5).flatten(1)


def _additive(hidden: Tensor, dtype: torch.dtype) -> Tensor:
    """(1, 1, T, T) to be added to the logits; T is Q masks, the class token, the patches."""
    count, patches = hidden.shape
    total = count + 1 + patches
    blocked = torch.zeros(total, total, dtype=torch.bool, device=hidden.device)
    blocked[:, :count] = True
    blocked[:count, count + 1 :] = hidden
    away = torch.zeros(total, total, dtype=dtype, device=hidden.device)
    return away.masked_fill(blocked, -torch.inf)[None, None]
