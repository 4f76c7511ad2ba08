"""Losses of LaSSM: class, mask and centre of the query matched to each instance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softplus

from seg3d_ros.networks.batch import SceneBatch
from seg3d_ros.networks.lassm.decoder import Decoded
from seg3d_ros.networks.lassm.heads import Heads
from seg3d_ros.networks.lassm.network import DecodedScene
from seg3d_ros.training.lassm_targets import LassmTargets, build_lassm_targets
from seg3d_ros.training.mask_losses import bce_loss, dice_loss
from seg3d_ros.training.targets import IGNORED


@dataclass(frozen=True)
class LassmWeights:
    """Weights of the parts, in the assignment as in the loss.

    Attributes:
        cls: probability of the class in the assignment, cross entropy in the loss.
        bce: binary cross entropy of the mask, mean over the superpoints.
        dice: its overlap.
        center: L1 distance of the normalised centres.
    """

    cls: float = 0.5
    bce: float = 1.0
    dice: float = 1.0
    center: float = 1.0


class LassmObjective(nn.Module):
    """Losses of LaSSM, summed over the readings of all stages, each matched on its own.

    Args:
        classes: C labels of the data that are classes of the network, in its order.
        no_object_weight: of "no object" in the cross entropies of the classes.
        superpoint_weight: of the cross entropy of the superpoints' classes.
        final_dice_by_batch: multiply the dice loss of the last stage by the number of scenes, as
            the published weights were trained: a sum was taken for a mean.
        mixed_as_first: superpoints of which no class holds more than half count as class 0, as
            the published weights were trained; else as "no object".
    """

    class_weights: Tensor

    def __init__(
        self,
        *,
        classes: Sequence[int],
        no_object_weight: float = 0.1,
        superpoint_weight: float = 0.2,
        final_dice_by_batch: bool = True,
        mixed_as_first: bool = True,
    ) -> None:
        super().__init__()
        self.classes = tuple(classes)
        self.num_classes = len(self.classes)
        self.weights = LassmWeights()
        self.superpoint_weight = superpoint_weight
        self.final_dice_by_batch = final_dice_by_batch
        self.mixed_class = 0 if mixed_as_first else self.num_classes
        class_weights = torch.ones(self.num_classes + 1)
        class_weights[-1] = no_object_weight
        self.register_buffer("class_weights", class_weights, persistent=False)

    def forward(self, output: Sequence[DecodedScene], batch: SceneBatch) -> dict[str, Tensor]:
        """Losses of the last stage by name, not yet weighted, and the weighted "total" of all."""
        scenes = [
            self.scene_losses(scene.decoded, targets, scene.centers)
            for scene, targets in zip(output, self.targets(output, batch), strict=True)
        ]
        parts = {
            name: torch.stack([scene[name] for scene in scenes]).mean(0) for name in scenes[0]
        }
        superpoints = parts.pop("superpoints")
        if self.final_dice_by_batch:
            last = torch.ones_like(parts["dice"])
            last[-1] = len(scenes)
            parts["dice"] = parts["dice"] * last
        total = sum(weight * parts[name].sum() for name, weight in vars(self.weights).items())
        return {
            **{name: part[-1] for name, part in parts.items()},
            "superpoints": superpoints,
            "total": total + self.superpoint_weight * superpoints,
        }

    def targets(self, output: Sequence[DecodedScene], batch: SceneBatch) -> list[LassmTargets]:
        """Targets of each scene."""
        labels = (
            torch.split(part, list(batch.sizes))
            for part in (batch.points, self._class_of(batch.segment), batch.instance)
        )
        return [
            build_lassm_targets(
                points,
                segment,
                instance,
                scene.superpoint_of,
                num_classes=self.num_classes,
                mixed_class=self.mixed_class,
            )
            for scene, points, segment, instance in zip(output, *labels, strict=True)
        ]

    def _class_of(self, segment: Tensor) -> Tensor:
        """Classes of the network of labels of the data, -1 for those that are none."""
        table = torch.full((max(self.classes) + 2,), IGNORED, device=segment.device)
        table[list(self.classes)] = torch.arange(self.num_classes, device=segment.device)
        inside = segment.clamp(max=max(self.classes) + 1)
        return torch.where(segment < 0, IGNORED, table[inside])

    def scene_losses(
        self, decoded: Decoded, targets: LassmTargets, centers: Tensor
    ) -> dict[str, Tensor]:
        """Losses of one scene.

        Args:
            decoded: readings of R stages.
            targets: M instances.
            centers: (S, 3) of the superpoints, metres.

        Returns:
            "cls", "bce", "dice" and "center" (R,), "superpoints" ().
        """
        low = centers.amin(0)
        extent = centers.amax(0) - low + 1e-6
        stages = [
            self._stage(heads, (heads.positions - low) / extent, targets)
            for heads in decoded.stages
        ]
        parts = {name: torch.stack([stage[name] for stage in stages]) for name in stages[0]}
        superpoints = cross_entropy(
            decoded.superpoint_labels.float(),
            targets.superpoint_labels,
            weight=self.class_weights,
        )
        return {**parts, "superpoints": superpoints}

    def _stage(self, heads: Heads, centers: Tensor, targets: LassmTargets) -> dict[str, Tensor]:
        rows, columns = self._match(heads, centers, targets)
        classes = torch.full((len(heads.labels),), self.num_classes, device=centers.device)
        classes[rows] = targets.labels[columns]
        cls = cross_entropy(heads.labels.float(), classes, weight=self.class_weights)
        if not len(rows):
            nothing = heads.masks.float().sum() * 0 + centers.sum() * 0
            return {"cls": cls, "bce": nothing, "dice": nothing, "center": nothing}
        masks, wanted = heads.masks[rows].float(), targets.masks[columns]
        away = (centers[rows] - targets.centers[columns]).abs().sum(1)
        return {
            "cls": cls,
            "bce": bce_loss(masks, wanted),
            "dice": dice_loss(masks.sigmoid(), wanted).mean(),
            "center": away.mean(),
        }

    def _match(
        self, heads: Heads, centers: Tensor, targets: LassmTargets
    ) -> tuple[Tensor, Tensor]:
        """Queries, ascending, and the target of each, at the least cost."""
        # Detached here, not made without gradients: the heads keep what is first asked of them.
        labels, masks = heads.labels.detach().float(), heads.masks.detach().float()
        centers, wanted = centers.detach(), targets.masks.t()  # (S, M)
        cls = -labels.softmax(1)[:, targets.labels]
        # Cross entropy with logits is softplus(x) - x t: no (Q, M, S) array is needed.
        bce = (softplus(masks).sum(1, keepdim=True) - masks @ wanted) / masks.shape[1]
        probability = masks.sigmoid()
        sizes = probability.sum(1, keepdim=True) + wanted.sum(0)
        dice = 1 - (2 * (probability @ wanted) + 1) / (sizes + 1)
        away = (centers[:, None] - targets.centers).abs().sum(2)
        w = self.weights
        cost = w.cls * cls + w.bce * bce + w.dice * dice + w.center * away
        # A diverged network must end in a loss that is not finite, not in an error of the solver.
        rows, columns = linear_sum_assignment(cost.nan_to_num().cpu().numpy())
        device = centers.device
        return torch.from_numpy(rows).to(device), torch.from_numpy(columns).to(device)
