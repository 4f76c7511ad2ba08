"""Losses of XMask3D: masks in pictures, classes of points, and closeness to CLIP.

Wang et al., "XMask3D: Cross-modal Mask Reasoning for Open Vocabulary 3D Semantic Segmentation",
NeurIPS 2024. Masks are compared at the pixels of labelled points: no labelled pictures are needed.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cosine_similarity,
    cross_entropy,
    normalize,
    pad,
)

from seg3d_ros.compute import full_precision
from seg3d_ros.errors import InputError
from seg3d_ros.training.mask_losses import bce_loss, dice_loss
from seg3d_ros.training.matching import MaskWeights, match
from seg3d_ros.training.targets import IGNORED, Targets
from seg3d_ros.training.view_dataset import LabelledInput, ViewBatch
from seg3d_ros.training.xmask3d_training import ViewPrediction

_NOVEL_MASKS, _BASE_MASKS = 4, 1  # of a view that are compared with CLIP, at most
_NOVEL_RATIO, _NOVEL_POINTS = 1.8, 10  # of novel points to others, and how many, in a novel mask
_BASE_RATIO, _BASE_POINTS = 20, 150  # likewise for base masks


class XMask3DObjective(nn.Module):
    """Losses of XMask3D, the mean over the views of a batch.

    Args:
        class_names: of the labels, in their order.
        base: names that are learned.
        novel: names whose points are only known to be of no base class; all others are ignored.
        mask_weights: of the masks, summed over the layers, as in Mask2Former.
        no_object_weight: of queries without a mask in the cross entropy of classes.
        class_weight: of the cross entropies of the points' classes, fused and by the point branch.
        caption_weight: of the view as a whole against the names of what it shows.
        contrast_weight: of the points under a mask against CLIP's embedding of it.
        base_weight: of telling base from novel points.
    """

    base_of: Tensor
    is_novel: Tensor
    class_weights: Tensor

    def __init__(
        self,
        class_names: Sequence[str],
        base: Sequence[str],
        novel: Sequence[str],
        *,
        mask_weights: MaskWeights | None = None,
        no_object_weight: float = 0.1,
        class_weight: float = 1.0,
        caption_weight: float = 1.0,
        contrast_weight: float = 1.0,
        base_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if unknown := sorted({*base, *novel} - {*class_names}):
            raise InputError(f"no class is called {unknown[0]!r}; choose base and novel anew")
        self._mask_weights = mask_weights or MaskWeights(2.0, 5.0, 5.0)
        self._weights = vars(self._mask_weights) | {
            "fused": class_weight,
            "points": class_weight,
            "caption": caption_weight,
            "contrast": contrast_weight,
            "base": base_weight,
        }
        rows = {name: row for row, name in enumerate(base)}
        # The last entries are those of points without a label, -1.
        base_of = torch.tensor([rows.get(name, IGNORED) for name in class_names] + [IGNORED])
        is_novel = torch.tensor([name in novel for name in class_names] + [False])
        class_weights = torch.ones(len(base) + 1)
        class_weights[-1] = no_object_weight
        self.register_buffer("base_of", base_of, persistent=False)
        self.register_buffer("is_novel", is_novel, persistent=False)
        self.register_buffer("class_weights", class_weights, persistent=False)

    def forward(self, output: Sequence[ViewPrediction], batch: ViewBatch) -> dict[str, Tensor]:
        """Losses "cls", "bce", "dice", "fused", "points", "caption", "contrast", "base"; "total".

        All but the total are not yet weighted.
        """
        with full_precision(self.base_of.device):
            views = [self._view_losses(*pair) for pair in zip(output, batch.views, strict=True)]
        parts = {name: torch.stack([view[name] for view in views]).mean() for name in views[0]}
        total = sum(weight * parts[name] for name, weight in self._weights.items())
        return {**parts, "total": total}

    def _view_losses(self, said: ViewPrediction, given: LabelledInput) -> dict[str, Tensor]:
        base, is_novel = self.base_of[given.segment], self.is_novel[given.segment]
        targets = mask_targets(base, none=len(self.class_weights) - 1)
        layers = [
            self._set_losses(said.class_logits(embeddings), logits, targets)
            for embeddings, logits in zip(said.embeddings, said.mask_logits, strict=True)
        ]
        cls, bce, dice = torch.stack([torch.stack(layer) for layer in layers]).sum(0)
        return {
            "cls": cls,
            "bce": bce,
            "dice": dice,
            "fused": _class_loss(said.class_logits(said.fused.features), base),
            "points": _class_loss(said.class_logits(said.points.features), base),
            "caption": caption_loss(said, base),
            "contrast": contrast_loss(said, base != IGNORED, is_novel),
            "base": _base_loss(said.points.base_logits, base != IGNORED, is_novel),
        }

    def _set_losses(
        self, classes: Tensor, masks: Tensor, targets: Targets
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Of (Q, K + 1) classes and (Q, P) masks: classes, binary cross entropy, dice."""
        # What is of no base class is a target as well, with "no object" for its class, so that
        # novel things have masks: for the assignment that is a class like the others.
        costed = pad(classes, (0, 1), value=-torch.inf)
        queries, chosen = match(costed, masks, targets, weights=self._mask_weights)
        wanted = torch.full((len(classes),), classes.shape[1] - 1, device=classes.device)
        wanted[queries] = targets.labels[chosen]
        cls = cross_entropy(classes, wanted, weight=self.class_weights)
        truth, found = targets.masks[chosen], masks[queries]
        dice = dice_loss(found.sigmoid(), truth.to(found.dtype)).mean()
        return cls, bce_loss(found, truth), dice


def mask_targets(base: Tensor, *, none: int) -> Targets:
    """One mask for each class in a view, and one for all points without.

    Args:
        base: (P,) int64 base class of each point, `IGNORED` for none.
        none: class of the last mask.
    """
    labels = torch.unique(base)
    masks = base == labels[:, None]
    return Targets(torch.where(labels == IGNORED, none, labels), masks)


def _class_loss(logits: Tensor, base: Tensor) -> Tensor:
    """Cross entropy of (P, K + 1), mean over the points of base classes; 0 without any."""
    total = cross_entropy(logits, base, ignore_index=IGNORED, reduction="sum")
    return total / (base != IGNORED).sum().clamp(min=1)


def _base_loss(logits: Tensor, is_base: Tensor, is_novel: Tensor) -> Tensor:
    """Binary cross entropy, mean over the points known to be base or novel; 0 without any."""
    known = is_base | is_novel
    wanted = is_base[known].to(logits.dtype)
    total = binary_cross_entropy_with_logits(logits[known], wanted, reduction="sum")
    return total / known.sum().clamp(min=1)


def caption_loss(said: ViewPrediction, base: Tensor) -> Tensor:
    """Distance of the mean features, fused, of the points and of the masks, from a caption.

    The mean embedding of the names of the base classes in the view stands for the caption, which
    the reference has from a model that describes pictures.

    Args:
        said: of the view.
        base: (P,) int64 base class of each point, `IGNORED` for none.
    """
    features = (said.fused.features, said.points.features, said.fused.from_masks)
    means = torch.stack([feature.mean(0) for feature in features])
    shown = torch.unique(base[base != IGNORED])
    if not len(shown):
        return means.sum() * 0
    caption = normalize(said.classes.text[shown], dim=1).mean(0)
    return (1 - cosine_similarity(means, caption[None])).sum()


def contrast_loss(said: ViewPrediction, is_base: Tensor, is_novel: Tensor) -> Tensor:
    """Mean distance of the points under chosen masks from CLIP's opinion of these; 0 without any.

    Args:
        said: of the view.
        is_base: (P,) bool.
        is_novel: (P,) bool.
    """
    soft = said.mask_logits[-1].detach().sigmoid()
    chosen = choose_masks(soft, is_base, is_novel)
    if not len(chosen):
        return said.points.features.sum() * 0
    masks = (soft[chosen] >= 0.5).to(soft.dtype)
    means = masks @ said.points.features / masks.sum(1, keepdim=True)
    return (1 - cosine_similarity(means, said.mask_clip[chosen])).mean()


def choose_masks(soft: Tensor, is_base: Tensor, is_novel: Tensor) -> Tensor:
    """(M,) int64 masks to compare with CLIP: the surest of those mostly on novel or base points.

    Args:
        soft: (Q, P) masks, in [0, 1].
        is_base: (P,) bool.
        is_novel: (P,) bool.
    """
    masks = (soft >= 0.5).to(soft.dtype)
    sizes = masks.sum(1)
    sureness = (soft * masks).sum(1) / sizes.clamp(min=1)
    novel, base = masks @ is_novel.to(soft.dtype), masks @ is_base.to(soft.dtype)
    of_novel = (novel > _NOVEL_RATIO * (sizes - novel)) & (novel > _NOVEL_POINTS)
    of_base = (base > _BASE_RATIO * (sizes - base)) & (base > _BASE_POINTS)
    groups = ((of_novel, _NOVEL_MASKS), (of_base, _BASE_MASKS))
    return torch.cat([_surest(sureness, group, count) for group, count in groups])


def _surest(sureness: Tensor, group: Tensor, count: int) -> Tensor:
    rows = group.nonzero()[:, 0]
    return rows[sureness[rows].argsort(descending=True)[:count]]
