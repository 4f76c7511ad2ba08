"""Comparison of two models on one scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seg3d_ros.engine.world_state import WorldState
from seg3d_ros.errors import InputError
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.point_owners import owner_of_points
from seg3d_ros.scene import Int64, Scene
from seg3d_ros.viewer.clouds import (
    Clouds,
    Panel,
    captions_of,
    cover_of,
    matched_ids,
    on_unit_square,
    painted,
    thinned,
)


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
    rows, spacing = thinned(scene.points, scene.voxel_size)
    points, scale = on_unit_square(scene.points[rows])
    of_first = _owners(scene, first.objects)
    of_second = _owners(other, second.objects)
    matched, common = matched_ids(of_second, of_first)
    panels = [Panel(np.rint(np.clip(scene.colors[rows], 0, 1) * 255).astype(np.uint8))]
    for ids, owners, state in ((of_first, of_first, first), (matched, of_second, second)):
        names = [known.label for known in state.objects]
        captions = captions_of(points, owners[rows], kinds=owners[rows], names=names)
        panels.append(Panel(painted(ids)[rows], captions))
    clouds = Clouds(points, cover_of(scene.points[rows]), spacing * scale, tuple(panels))
    return Comparison(clouds, (len(first.objects), len(second.objects)), common)


def _owners(scene: Scene, objects: Sequence[MapObject]) -> Int64:
    return owner_of_points(scene, objects).astype(np.int64)
