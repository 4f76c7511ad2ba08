"""Simulated clicks on objects, for training and evaluation; on any device.

The rule is that of Point-SAM (Zhou et al. 2024): the first click goes to the middle of the object,
each further one to the middle of the worst error.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seg3d_ros.networks.point_operations import find_nearest, gather, square_lengths


@dataclass(frozen=True, eq=False)
class SimulatedClicks:
    """One click for each of S objects.

    Attributes:
        rows: (S,) int64 clicked point of the object's cloud.
        labels: (S,) int64, 1 on the object, 0 off it.
    """

    rows: Tensor
    labels: Tensor


def first_clicks(points: Tensor, targets: Tensor) -> SimulatedClicks:
    """A click on the point that lies deepest in each object.

    Args:
        points: (B, N, 3) float32.
        targets: (S, N) bool, S = B * M objects, those of a cloud together; none is empty.
    """
    rows = depths(points, targets).argmax(1)
    return SimulatedClicks(rows, torch.ones_like(rows))


def next_clicks(points: Tensor, targets: Tensor, logits: Tensor) -> SimulatedClicks:
    """A click on the deepest point that is missing, or too much, whichever lies deeper.

    Where a mask is without error, it is that of `first_clicks`.

    Args:
        points: (B, N, 3) float32.
        targets: (S, N) bool.
        logits: (S, N) of the masks so far.
    """
    masks = logits > 0
    missing, excess = depths(points, targets & ~masks), depths(points, masks & ~targets)
    error = torch.maximum(missing, excess)
    faultless = error.amax(1) == 0
    if bool(faultless.any()):
        error = torch.where(faultless[:, None], depths(points, targets), error)
    rows = error.argmax(1)
    return SimulatedClicks(rows, targets.gather(1, rows[:, None])[:, 0].long())


def depths(points: Tensor, regions: Tensor) -> Tensor:
    """Square distance of each point of a region to the nearest one that is not in it.

    Args:
        points: (B, N, 3) float32.
        regions: (S, N) bool.

    Returns:
        (S, N) float32: 0 outside of the region, infinite where everything is inside.
    """
    found = points.new_zeros(regions.shape)
    per_cloud = len(regions) // len(points)
    for s, region in enumerate(regions):
        cloud = points[s // per_cloud]
        inside, outside = cloud[region], cloud[~region]
        if len(inside):
            found[s, region] = _square_distances(inside, outside)
    return found


def _square_distances(points: Tensor, others: Tensor) -> Tensor:
    """(K,) of each of (K, 3) points to the nearest of the others."""
    if not len(others):
        return points.new_full((len(points),), torch.inf)
    nearest = find_nearest(others[None], points[None], 1)
    return square_lengths(gather(others[None], nearest)[0, :, 0] - points)
