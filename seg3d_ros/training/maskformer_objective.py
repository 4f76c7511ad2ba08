"""Losses of MaskFormer: the class and mask of the query matched to each instance."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from seg3d_ros.networks.batch import SceneBatch
from seg3d_ros.networks.maskformer.network import MaskFormerOutput
from seg3d_ros.training.mask_losses import bce_loss, dice_loss
from seg3d_ros.training.matching import MaskWeights, match
from seg3d_ros.training.targets import Targets, build_targets


class MaskFormerObjective(nn.Module):
    """Losses of MaskFormer, summed over all layers that the network gives predictions of.

    Args:
        num_classes: C, without "no object".
        cls_weight: of the cross entropy of the classes, and of their part in the assignment.
        bce_weight: of the binary cross entropy of the masks, likewise.
        dice_weight: of their dice loss, likewise.
        no_object_weight: of queries without instance in the cross entropy; they are the most.
    """

    class_weights: Tensor

    def __init__(
        self,
        *,
        num_classes: int,
        cls_weight: float = 1.0,
        bce_weight: float = 5.0,
        dice_weight: float = 5.0,
        no_object_weight: float = 0.1,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.weights = MaskWeights(cls_weight, bce_weight, dice_weight)
        class_weights = torch.ones(num_classes + 1)
        class_weights[-1] = no_object_weight
        self.register_buffer("class_weights", class_weights, persistent=False)

    def forward(self, output: MaskFormerOutput, batch: SceneBatch) -> dict[str, Tensor]:
        """Losses "cls", "bce" and "dice", not yet weighted, and their weighted "total"."""
        targets = self.targets(batch)
        layers = [self._losses(layer, targets) for layer in (output, *output.early)]
        parts = {name: torch.stack([layer[name] for layer in layers]).sum() for name in layers[0]}
        total = sum(weight * parts[name] for name, weight in vars(self.weights).items())
        return {**parts, "total": total}

    def targets(self, batch: SceneBatch) -> list[Targets]:
        """Targets of each scene."""
        labels = (torch.split(part, list(batch.sizes)) for part in (batch.segment, batch.instance))
        return [
            build_targets(*scene, num_classes=self.num_classes)
            for scene in zip(*labels, strict=True)
        ]

    def _losses(self, output: MaskFormerOutput, targets: list[Targets]) -> dict[str, Tensor]:
        """Class loss: mean over the scenes; mask losses: over those in which there is anything."""
        cls, bce, dice = [], [], []
        for logits, masks, wanted in zip(output.logits, output.masks, targets, strict=True):
            queries, instances = match(logits, masks, wanted, weights=self.weights)
            cls.append(self._class_loss(logits, queries, wanted.labels[instances]))
            if len(queries):
                chosen = masks[queries].float()
                bce.append(bce_loss(chosen, wanted.masks[instances]))
                truth = wanted.masks[instances].to(chosen.dtype)
                dice.append(dice_loss(chosen.sigmoid(), truth).mean())
        nothing = output.logits.new_zeros(())
        return {
            name: torch.stack(values).mean() if values else nothing
            for name, values in (("cls", cls), ("bce", bce), ("dice", dice))
        }

    def _class_loss(self, logits: Tensor, queries: Tensor, labels: Tensor) -> Tensor:
        """Queries that have no target are to say "no object"."""
        classes = torch.full((len(logits),), self.num_classes, device=logits.device)
        classes[queries] = labels
        return cross_entropy(logits.float(), classes, weight=self.class_weights)
