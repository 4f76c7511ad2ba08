"""Map elements of an object: their ids and where they were seen."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seg3d_ros.scene import Bool, Float32, Int64, Scene


class Elements(NamedTuple):
    """Some elements of a map.

    Attributes:
        ids: (K,) int64, ascending.
        points: (K, 3) float32 where they were last seen, local coordinates, metres.
    """

    ids: Int64
    points: Float32

    def select(self, chosen: Bool) -> Elements:
        """Those where (K,) `chosen` is true."""
        return Elements(self.ids[chosen], self.points[chosen])

    def joined(self, others: Elements) -> Elements:
        """These and others, none of which is among these."""
        return _sorted(
            np.concatenate([self.ids, others.ids]), np.concatenate([self.points, others.points])
        )


def elements_of_scene(scene: Scene, rows: Int64) -> Elements:
    """Elements in (K,) rows of a scene."""
    return _sorted(scene.element_ids[rows], scene.points[rows])


def ascending_order(ids: Int64) -> Int64 | None:
    """(N,) order that sorts (N,) ids; None where they are sorted, as those of a map."""
    return np.argsort(ids) if np.any(ids[1:] < ids[:-1]) else None


def _sorted(ids: Int64, points: Float32) -> Elements:
    order = ascending_order(ids)
    return Elements(ids, points) if order is None else Elements(ids[order], points[order])
