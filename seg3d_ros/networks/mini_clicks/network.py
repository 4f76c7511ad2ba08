"""MiniClicks: the mask of one object from clicks and the mask before them, at every voxel.

`mini` encodes the surroundings of the clicks once and stays as it is. Each click then runs a small
network over the voxels. In the manner of RITM (Sofiiuk, Petrov and Konushin, "Reviving Iterative
Training with Mask Guidance for Interactive Segmentation", 2022) and InterObject3D (Kontogianni et
al., "Interactive Object Segmentation in 3D Point Clouds", 2023) it sees clicks and the mask
before as channels. As in AGILE3D (Yue et al., 2024) voxels are compared with those that were
clicked wherever they are: by features, by the center that each votes for, and by the masks that
`mini` finds from queries placed on the clicks.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from seg3d_ros.networks.checkpoint import load_strictly, read_safetensors, read_state_dict
from seg3d_ros.networks.meta import without_weights
from seg3d_ros.networks.mini.decoder import SceneFeatures
from seg3d_ros.networks.mini.network import Mini
from seg3d_ros.networks.mini_clicks.channels import CLICK_CHANNELS, VoxelClicks, click_channels
from seg3d_ros.sparse.convolution import SparseConv3d
from seg3d_ros.sparse.grid import VoxelGrid
from seg3d_ros.sparse.tensor import SparseTensor
from seg3d_ros.sparse.voxelize import mean_by_row

TRAINING_PREFIX = "head."  # of its tensors in checkpoints of a training
_FINEST_M = 0.02
_STEP = 2**0.5  # from one size of voxels to the next
_LARGEST_M = 0.16
_DESCRIBED = 32 + 48 + 64 + 96  # channels of the levels of `mini`, fine to coarse
_STRUCTURE = 4
_GUESSES = 4
_VOTES = 6
_POOLED = 3
_LIKELY = 0.5  # probability of what belongs to the mask before
_FAR = 4.0  # radii
_SURE = 8.0  # logit
_FROM_BEFORE, _FROM_GUESS = 3.0, 4.0  # initial weights


@dataclass(frozen=True, eq=False)
class VoxelCrop:
    """Part of a scene as `mini` sees it, before any click.

    Attributes:
        grid: V voxels.
        points: (V, 3) float32 mean point of each, metres.
        colors: (V, 3) float32 mean RGB in [0, 1].
        features: of `mini`, whose metres are `zoom` times as short.
        described: (V, D) features of all levels.
        rows: (P,) int64 voxel of each point.
        voxel_size: metres.
    """

    grid: VoxelGrid
    points: Tensor
    colors: Tensor
    features: SceneFeatures
    described: Tensor
    rows: Tensor
    voxel_size: float


@torch.no_grad()
def encode_crop(mini: Mini, points: Tensor, colors: Tensor, *, most_voxels: int) -> VoxelCrop:
    """Encode points in voxels that are as small as their number allows.

    `mini` sees smaller voxels as its own of a scene that is larger.

    Args:
        mini: the network.
        points: (P, 3) float32 metres, z up, P > 0.
        colors: (P, 3) float32 RGB in [0, 1].
        most_voxels: number that is not to be passed, unless the voxels would be too large.
    """
    placed = points - points.amin(dim=0).floor()
    # Maps have about one point in each of the finest voxels.
    steps = int(np.log(max(len(points) / most_voxels, 1)) / np.log(_STEP**2))
    size = min(_FINEST_M * _STEP ** max(steps - 1, 0), _LARGEST_M)
    while True:
        zoom = mini.voxel_size / size
        found = mini.voxelize(placed * zoom, colors)
        if len(found.voxels.grid) <= most_voxels or size >= _LARGEST_M:
            break
        size *= _STEP
    (features,) = mini.look(found.voxels)
    mean, color = found.voxels.features.chunk(2, dim=1)
    return VoxelCrop(
        found.voxels.grid, mean / zoom, color, features, _all_levels(features), found.rows, size
    )


def _all_levels(scene: SceneFeatures) -> Tensor:
    """(V, D) features of each voxel and of those it lies in."""
    parts, rows = [scene.fine], torch.arange(len(scene), device=scene.fine.device)
    for level, parents in zip(scene.levels, scene.parents, strict=True):
        rows = parents[rows]
        parts.append(level[rows])
    return torch.cat(parts, dim=1)


class MiniClicks(nn.Module):
    """Network over voxels that `mini` has encoded.

    Each voxel is classified by itself, then by its surroundings at three resolutions. Untrained
    it keeps to what `mini` finds from the clicks and to the mask before.

    Args:
        likeness: channels that voxels are compared by.
        width: hidden channels.
        around: the same of the convolutions, fine to coarse.
    """

    def __init__(
        self, *, likeness: int = 16, width: int = 64, around: tuple[int, ...] = (32, 48, 64)
    ) -> None:
        super().__init__()
        self.project = nn.Linear(_DESCRIBED, likeness)
        seen = _GUESSES + CLICK_CHANNELS + 4 * likeness + _STRUCTURE + _VOTES + _POOLED
        self.hidden = nn.Sequential(
            nn.Linear(seen, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        )
        self.out = nn.Linear(width, 1)
        self.narrow = nn.Linear(width, around[0])
        self.around = nn.ModuleList(SparseConv3d(channels, channels, 3) for channels in around)
        self.coarser = nn.ModuleList(
            SparseConv3d(*channels, 2, stride=2) for channels in pairwise(around)
        )
        self.correct = nn.Linear(sum(around), 1)
        nn.init.zeros_(self.correct.weight)
        nn.init.zeros_(self.correct.bias)
        self.direct = nn.Linear(seen, 1)
        nn.init.zeros_(self.direct.weight)
        nn.init.constant_(self.direct.weight[:, _GUESSES], _FROM_BEFORE)
        nn.init.constant_(self.direct.weight[:, 1], _FROM_GUESS)
        nn.init.constant_(self.direct.bias, -_FROM_BEFORE / 2)

    def forward(self, mini: Mini, crop: VoxelCrop, clicks: VoxelClicks) -> Tensor:
        """(V,) logits of the object at the clicks."""
        on, off = (clicks.rows[clicks.foreground == flag] for flag in (True, False))
        told = click_channels(crop.points, crop.colors, clicks, voxel_size=crop.voxel_size)
        like = self.project(crop.described)
        seen = torch.cat(
            [
                _guesses(mini, crop.features, on, off),
                told,
                like,
                *(_difference(like, like[rows]) for rows in (on, off, _members(clicks, on))),
                crop.features.structure.softmax(dim=1),
                _votes(crop.features, on, off),
                _pooled(crop.features, told[:, 0]),
            ],
            dim=1,
        )
        hidden = self.hidden(seen)
        surroundings = self._surroundings(crop, hidden)
        logits: Tensor = self.out(hidden) + self.direct(seen) + self.correct(surroundings)
        return logits[:, 0]

    def _surroundings(self, crop: VoxelCrop, hidden: Tensor) -> Tensor:
        """Hidden channels around each voxel at all resolutions, side by side."""
        x = SparseTensor(crop.grid, self.narrow(hidden).relu())
        rows = torch.arange(len(hidden), device=hidden.device)
        parts = []
        for level, around in enumerate(self.around):
            if level:
                x = self.coarser[level - 1](x)
                x = x.with_features(x.features.relu())
                rows = crop.features.parents[level - 1][rows]
            x = around(x)
            x = x.with_features(x.features.relu())
            parts.append(x.features[rows])
        return torch.cat(parts, dim=1)


def _difference(like: Tensor, chosen: Tensor) -> Tensor:
    """(V, C) absolute difference from the mean of chosen voxels; zeros if there are none."""
    return (like - chosen.mean(dim=0)).abs() if len(chosen) else torch.zeros_like(like)


def _members(clicks: VoxelClicks, on: Tensor) -> Tensor:
    """Voxels of the mask before; the clicked ones where there is none."""
    if clicks.previous is None:
        return on
    found = (clicks.previous > _LIKELY).nonzero()[:, 0]
    return found if len(found) else on


@torch.no_grad()
def _guesses(mini: Mini, scene: SceneFeatures, on: Tensor, off: Tensor) -> Tensor:
    """Masks that `mini` finds from the clicks, (V, _GUESSES).

    Largest and mean logit of queries on the object, largest of those off it, mean quality.
    """
    queries = mini.decoder(scene, torch.cat([on, off]))
    logits = mini.decoder.masks(scene, queries).clamp(-_SURE, _SURE) / _SURE
    of_on, of_off = logits[: len(on)], logits[len(on) :]
    quality = queries.quality[: len(on)].sigmoid().mean().expand(len(scene))
    most_off = of_off.amax(dim=0) if len(off) else -torch.ones_like(quality)
    return torch.stack([of_on.amax(dim=0), of_on.mean(dim=0), most_off, quality], dim=1)


def _votes(scene: SceneFeatures, on: Tensor, off: Tensor) -> Tensor:
    """Likeness of the votes of voxels to those of clicked ones, (V, _VOTES)."""
    centers, log_radii = scene.votes.middles, scene.votes.log_radii
    columns = []
    for rows in (on, off):
        radii = centers.new_full((len(centers), 1), torch.inf)
        if len(rows):
            radii = (centers[:, None] - centers[rows]).norm(dim=2) / log_radii[rows].exp()
        nearest = radii.amin(dim=1).clamp(max=10 * _FAR)
        columns += [(-nearest).exp(), (-4 * nearest).exp(), nearest.clamp(max=_FAR) / _FAR]
    return torch.stack(columns, dim=1)


def _pooled(scene: SceneFeatures, before: Tensor) -> Tensor:
    """The mask before around each voxel: means over coarser voxels, (V, _POOLED)."""
    columns, values = [], before[:, None]
    rows = torch.arange(len(scene), device=before.device)
    for level, parents in zip(scene.levels, scene.parents, strict=True):
        values = mean_by_row(values, parents, len(level))
        rows = parents[rows]
        columns.append(values[rows])
    return torch.cat(columns, dim=1)


def load_mini_clicks(path: str | Path) -> MiniClicks:
    """Network with weights from a file, ready for inference on the CPU.

    Args:
        path: a safetensors file, or the checkpoint of a training.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: the file holds something else; names what does not fit.
    """
    plain = Path(path).suffix == ".safetensors"
    state = read_safetensors(path) if plain else read_state_dict(path, prefix=TRAINING_PREFIX)
    with without_weights():
        network = MiniClicks()
    load_strictly(network, state, source=str(path))
    return network.eval()
