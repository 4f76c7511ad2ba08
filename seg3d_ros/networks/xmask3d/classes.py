"""Classes of XMask3D: embeddings of their names, and which of them it was trained on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import normalize

_EXCLUDED = -1e10


@dataclass(frozen=True, eq=False)
class OpenClasses:
    """K classes by their names.

    Attributes:
        text: (T, D) embeddings of the names in the space of CLIP, those of a class side by side.
        null: (D,) embedding of "no object", which was learned.
        base: (K,) bool, classes that were trained on; the others are novel.
        base_ratio: weight of the fused features against those of CLIP for base classes.
        novel_ratio: the same for novel ones.
        synonyms: number of names of each class, T in all; empty: each has one.
    """

    text: Tensor
    null: Tensor
    base: Tensor
    base_ratio: float = 0.65
    novel_ratio: float = 0.35
    synonyms: tuple[int, ...] = ()

    def to(self, device: torch.device) -> OpenClasses:
        """Copy on another device."""
        moved = {name: getattr(self, name).to(device) for name in ("text", "null", "base")}
        return replace(self, **moved)

    @property
    def ratios(self) -> Tensor:
        """(K,) weights of the fused features."""
        return torch.where(self.base, self.base_ratio, self.novel_ratio).to(self.text.dtype)

    def similarities(self, embeddings: Tensor, scale: float | Tensor) -> Tensor:
        """(M, K) scaled cosines of (M, D) embeddings with the best name of each class."""
        cosines = scale * normalize(embeddings, dim=1) @ normalize(self.text, dim=1).t()
        if not self.synonyms:
            return cosines
        own = torch.split(cosines, list(self.synonyms), 1)
        return torch.stack([part.amax(1) for part in own], 1)

    def mask_logits(self, embeddings: Tensor, scale: float | Tensor) -> Tensor:
        """(M, K + 1) scaled cosines with the names, then with "no object"."""
        none = normalize(embeddings, dim=1) @ normalize(self.null, dim=0)
        return torch.cat([self.similarities(embeddings, scale), scale * none[:, None]], 1)

    def gated(self, logits: Tensor, is_base: Tensor) -> Tensor:
        """Logits (M, K) or, with "no object", (M, K + 1), without the classes of the other group.

        What is novel is never "no object".

        Args:
            logits: of each row.
            is_base: (M,) bool, whether a row belongs to a class that was trained on.
        """
        novel = ~self.base
        if logits.shape[1] > len(self.base):
            novel = torch.cat([novel, novel.new_ones(1)])
            allowed = torch.where(is_base[:, None], ~novel | _last(novel), novel & ~_last(novel))
        else:
            allowed = torch.where(is_base[:, None], ~novel, novel)
        return logits.masked_fill(~allowed, _EXCLUDED)


def _last(row: Tensor) -> Tensor:
    """(K + 1,) bool, true at the end."""
    mark = torch.zeros_like(row)
    mark[-1] = True
    return mark
