"""Comparison of two models on one scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seg3d_ros.engine.world_state import WorldState
from seg3d_ros.errors import InputError
from seg3d_ros.objects.point_owners import owner_of_points
from seg3d_ros.viewer.clouds import Canvas, Clouds, matched_ids


@dataclass(frozen=True, eq=False)
class Comparison:
    """Pictures of what two models find.

    Attributes:
        clouds: the scene in its own colours, the objects of the first and of the second model.
        counts: number of objects of either.
        common: number of objects that both find, with an IoU above 1/2.
    """

    clouds: Clouds
    counts: tuple[int, int]
    common: int


def compare(first: WorldState, second: WorldState) -> Comparison:
    """Paint what two models find in one scene; what both find has one colour.

    Raises:
        InputError: there is nothing to show, or the states are of different scenes.
    """
    scene, other = first.scene, second.scene
    if scene is None or other is None or not len(scene):
        raise InputError("the map is empty; there is nothing to show")
    if not np.array_equal(scene.element_ids, other.element_ids):
        raise InputError("the models were given different maps, which cannot be compared")
    canvas = Canvas.of(scene.points, scene.voxel_size)
    of_first, of_second = (
        owner_of_points(scene, state.objects).astype(np.int64) for state in (first, second)
    )
    matched, common = matched_ids(of_second, of_first)
    panels = [canvas.own_colors(scene.colors)]
    for ids, owners, state in ((of_first, of_first, first), (matched, of_second, second)):
        names = [known.label for known in state.objects]
        kinds = owners[canvas.rows]
        panels.append(canvas.instances(ids[canvas.rows], kinds=kinds, names=names))
    clouds = canvas.clouds(*panels)
    return Comparison(clouds, (len(first.objects), len(second.objects)), common)
