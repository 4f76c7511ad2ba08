"""Clicks and the mask before them as channels of voxels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CLICK_CHANNELS = 11
_DISK = 1.5  # voxels; deviation of the narrow bumps around clicks
_REACH_M = 0.25  # the same of the wide ones
_FAR_M = 1.0  # distances end here
_USUAL_M = 0.04  # voxel for which the channel of the scale is 0


@dataclass(frozen=True, eq=False)
class VoxelClicks:
    """K clicks on one crop, and the mask that the newest of them was given for.

    Attributes:
        rows: (K,) int64 clicked voxels; at least one is on the object.
        foreground: (K,) bool, on the object or not.
        previous: (V,) float32 probability of each voxel in the mask before; None: there is none.
    """

    rows: Tensor
    foreground: Tensor
    previous: Tensor | None = None


def click_channels(
    points: Tensor, colors: Tensor, clicks: VoxelClicks, *, voxel_size: float
) -> Tensor:
    """Channels that tell of the clicks, (V, CLICK_CHANNELS).

    Probabilities before and whether there are any; for clicks on and off the object a narrow bump
    like the disks of Sofiiuk et al. (2022), a wide one and the distance; height above and
    difference in colour from the nearest click on the object; size of the voxels.

    Args:
        points: (V, 3) metres.
        colors: (V, 3) RGB in [0, 1].
        clicks: on these voxels.
        voxel_size: edge of them, metres.
    """
    on, off = (clicks.rows[clicks.foreground == flag] for flag in (True, False))
    to_on, nearest = nearest_clicked(points, points[on])
    to_off = (
        nearest_clicked(points, points[off])[0] if len(off) else torch.full_like(to_on, torch.inf)
    )
    before = torch.zeros_like(to_on) if clicks.previous is None else clicks.previous
    known = torch.full_like(to_on, float(clicks.previous is not None))
    scale = torch.full_like(to_on, voxel_size / _USUAL_M).log2()
    clicked = on[nearest]
    columns = [before, known, scale]
    for distance in (to_on, to_off):
        columns += [
            (-0.5 * (distance / (_DISK * voxel_size)).square()).exp(),
            (-0.5 * (distance / _REACH_M).square()).exp(),
            distance.clamp(max=_FAR_M) / _FAR_M,
        ]
    columns.append((points[:, 2] - points[clicked, 2]).clamp(-_FAR_M, _FAR_M) / _FAR_M)
    columns.append((colors - colors[clicked]).norm(dim=1))
    return torch.stack(columns, dim=1)


def nearest_clicked(points: Tensor, clicked: Tensor) -> tuple[Tensor, Tensor]:
    """(V,) distance of each point to the nearest of (K, 3) others, and (V,) which it is."""
    distances = torch.stack([(points - other).norm(dim=1) for other in clicked])
    found = distances.min(dim=0)
    return found.values, found.indices
