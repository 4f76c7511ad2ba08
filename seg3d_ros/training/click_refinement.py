"""MiniClicks as it is trained: rounds of simulated clicks, the last of them with gradient."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from seg3d_ros.datasets.click_simulation import first_clicks, next_clicks
from seg3d_ros.networks.batch import SceneBatch
from seg3d_ros.networks.mini.network import Mini
from seg3d_ros.networks.mini_clicks.channels import VoxelClicks
from seg3d_ros.networks.mini_clicks.network import MiniClicks, VoxelCrop, encode_crop
from seg3d_ros.networks.trained import load_trained
from seg3d_ros.sparse.voxelize import mean_by_row
from seg3d_ros.training.damaged_masks import damaged_mask
from seg3d_ros.training.mask_losses import dice_loss

_ROUNDS = (0, 1, 2, 4, 7)  # of clicks before the one that is learned from ...
_CHANCES = (0.4, 0.25, 0.17, 0.12, 0.06)  # ... and how often
_DAMAGED = 0.6  # chance that a mask with faults comes before the first click
_CENTRAL = 0.5  # chance of a first click in the middle of the object
_SMALLEST = 8  # voxels of an object


@dataclass(frozen=True, eq=False)
class RefinedMask:
    """Answer to the clicks on one object of a crop.

    Attributes:
        logits: (V,).
        share: (V,) float32 in [0, 1], how much of each voxel is of the object.
    """

    logits: Tensor
    share: Tensor


class RefinementTraining(nn.Module):
    """Clicks on objects of each crop and lets the network answer.

    Args:
        mini: checkpoint of the network that encodes, which stays as it is.
        objects: M to click on in each crop; the first is that of its first point.
        most_voxels: of a crop.
    """

    def __init__(self, mini: str, *, objects: int = 8, most_voxels: int = 8000) -> None:
        super().__init__()
        network = load_trained(mini).network
        assert isinstance(network, Mini)
        self._encoder = (network.eval(),)  # in a tuple it is no part of the module
        self.head = MiniClicks()
        self._objects = objects
        self._most = most_voxels

    def forward(self, batch: SceneBatch) -> tuple[RefinedMask, ...]:
        """Answers for crops as `ObjectBox` makes them."""
        tensors = (batch.points, batch.colors, batch.instance)
        parts = (torch.split(tensor, list(batch.sizes)) for tensor in tensors)
        return tuple(mask for crop in zip(*parts, strict=True) for mask in self._answers(*crop))

    def _answers(self, points: Tensor, colors: Tensor, instance: Tensor) -> list[RefinedMask]:
        most = int(self._most * (0.3 + 0.7 * float(torch.rand(()))))
        crop = encode_crop(self._encoder[0], points, colors, most_voxels=most)
        owner = instance.new_full((len(crop.points),), -1)
        owner[crop.rows] = instance
        chosen = [int(instance[0]), *self._others(instance)]
        answers: list[RefinedMask] = []
        for number in chosen:
            share = mean_by_row((instance == number).float()[:, None], crop.rows, len(owner))[:, 0]
            target = share > 0.5
            if int(target.sum()) >= _SMALLEST or not answers:
                target[share.argmax()] = True
                answers.append(RefinedMask(self._answer(crop, target, owner), share))
        return answers

    def _others(self, instance: Tensor) -> list[int]:
        ids = torch.unique(instance[instance >= 0])
        others = ids[ids != instance[0]]
        return others[torch.randperm(len(others))[: self._objects - 1]].tolist()

    def _answer(self, crop: VoxelCrop, target: Tensor, owner: Tensor) -> Tensor:
        """(V,) logits after some rounds of clicks."""
        mini = self._encoder[0]
        clicks = _first(crop, target, owner)
        rounds = _ROUNDS[int(torch.multinomial(torch.tensor(_CHANCES), 1))]
        with torch.no_grad():
            for _ in range(rounds):
                clicks = _refined(crop, target, clicks, self.head(mini, crop, clicks))
        logits: Tensor = self.head(mini, crop, clicks)
        return logits


def _first(crop: VoxelCrop, target: Tensor, owner: Tensor) -> VoxelClicks:
    """A click on an object, now and then on a mask with faults."""
    own = target.nonzero()[:, 0]
    row = own[torch.randint(len(own), (1,))]
    if float(torch.rand(())) < _CENTRAL:
        row = first_clicks(crop.points[None], target[None]).rows
    previous = None
    if float(torch.rand(())) < _DAMAGED:
        previous = damaged_mask(crop.points, target, owner, int(row))
    return VoxelClicks(row, torch.ones_like(row, dtype=torch.bool), previous)


def _refined(crop: VoxelCrop, target: Tensor, clicks: VoxelClicks, logits: Tensor) -> VoxelClicks:
    """The clicks with another one in the middle of the worst error, and the mask so far."""
    new = next_clicks(crop.points[None], target[None], logits[None])
    return VoxelClicks(
        torch.cat([clicks.rows, new.rows]),
        torch.cat([clicks.foreground, new.labels > 0]),
        logits.sigmoid(),
    )


class RefinementObjective(nn.Module):
    """Cross entropy and dice loss, the mean over objects."""

    def forward(self, output: tuple[RefinedMask, ...], batch: SceneBatch) -> dict[str, Tensor]:
        """Scalars: "total", and its parts "entropy" and "dice"; "iou" of the masks."""
        entropy = torch.stack(
            [binary_cross_entropy_with_logits(one.logits, one.share) for one in output]
        ).mean()
        dice = torch.stack(
            [dice_loss(one.logits.sigmoid(), one.share, slack=1e-3) for one in output]
        ).mean()
        iou = torch.stack([_iou(one.logits > 0, one.share > 0.5) for one in output]).mean()
        return {"total": 2 * entropy + dice, "entropy": entropy, "dice": dice, "iou": iou}


def _iou(mask: Tensor, target: Tensor) -> Tensor:
    return (mask & target).sum() / (mask | target).sum().clamp(min=1)
