"""Masks with faults, for a network that learns to mend them."""

from __future__ import annotations

import torch
from torch import Tensor

_NEAR = 4  # objects, of which one joins
_BLOBS = 3


def damaged_mask(points: Tensor, target: Tensor, instance: Tensor, click: int) -> Tensor:
    """Probabilities (V,) of a mask as a poor network finds it; its chance comes from torch.

    A ball around the click, or the object without what lies beyond a plane, together with one
    beside it or a part of that; then some blobs turn over.

    Args:
        points: (V, 3) metres.
        target: (V,) bool, the object.
        instance: (V,) int64, of all objects, negative for none.
        click: a voxel of the object.
    """
    away = (points - points[click]).norm(dim=1)
    reach = away[target].max().clamp(min=0.05)
    if _chance() < 0.2:
        mask = away <= reach * _between(0.2, 1.3)
    else:
        mask = target.clone()
        if _chance() < 0.5:
            mask &= _half(points, click, reach)
        if _chance() < 0.6:
            mask |= _neighbor(points, target, instance, click, reach)
    for _ in range(int(_chance() * (_BLOBS + 1))):
        middle = points[int(_chance() * len(points))] if _chance() < 0.3 else _one_of(points, mask)
        mask ^= (points - middle).norm(dim=1) <= reach * _between(0.05, 0.35)
    mask[click] = True
    inside, outside = _between(0.55, 1.0), _between(0.0, 0.4)
    return torch.where(mask, inside, outside).to(points.dtype)


def _half(points: Tensor, click: int, reach: Tensor) -> Tensor:
    """(V,) bool, the side of a random plane that a click is on."""
    direction = torch.randn(3, device=points.device)
    along = (points - points[click]) @ (direction / direction.norm())
    return along <= reach * _between(0.0, 0.8)


def _neighbor(
    points: Tensor, target: Tensor, instance: Tensor, click: int, reach: Tensor
) -> Tensor:
    """(V,) bool, an object near the click, whole or in part."""
    others = ~target & (instance >= 0)
    if not bool(others.any()):
        return others
    rows = others.nonzero()[:, 0]
    from_object = torch.cdist(points[rows], points[target][:: max(1, int(target.sum()) // 64)])
    order = rows[from_object.amin(dim=1).argsort()]
    near = torch.unique(instance[order[: max(1, len(order) // 5)]])
    chosen = near[int(_chance() * min(len(near), _NEAR))]
    found = others & (instance == chosen)
    if _chance() < 0.5:
        found &= (points - _one_of(points, found)).norm(dim=1) <= reach * _between(0.2, 1.0)
    return found


def _one_of(points: Tensor, mask: Tensor) -> Tensor:
    rows = mask.nonzero()[:, 0]
    return points[rows[int(_chance() * len(rows))]] if len(rows) else points[0]


def _chance() -> float:
    return float(torch.rand(()))


def _between(low: float, high: float) -> float:
    return low + (high - low) * _chance()
