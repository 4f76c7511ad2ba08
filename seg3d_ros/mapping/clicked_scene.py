"""Crop of the map that clicks are answered in; it stands still from click to click."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from seg3d_ros.mapping.voxel_map import VoxelMap
from seg3d_ros.scene import Float64, Scene

CLICK_RADIUS_M = 3.0  # a clicked object lies within this distance of its clicks
_SLACK_M = 1.0  # by which the next click may lie aside
_REFINED_FOR_NS = 60 * 10**9  # the scene of an object that is refined is this old at most


@dataclass(frozen=True, eq=False)
class ClickedScene:
    """Snapshot around clicks, for as long as it can serve further ones.

    Attributes:
        scene: the snapshot.
        center: (3,) float64 what it is around, map frame, metres.
        version: of the map; another one means that the map has changed.
        object_id: object that was found in it; 0: none yet.
    """

    scene: Scene
    center: Float64
    version: Any
    object_id: int = 0

    def serves(self, center: Float64, *, version: Any, stamp_ns: int, refine_id: int) -> bool:
        """Whether clicks around `center` can be answered in it.

        While the map changes only those that refine the object found in it can.
        """
        if float(np.linalg.norm(center - self.center)) > _SLACK_M:
            return False
        refines = refine_id != 0 and refine_id == self.object_id
        recent = abs(stamp_ns - self.scene.stamp_ns) <= _REFINED_FOR_NS
        return version == self.version or (refines and recent and version[0] == self.version[0])


def scene_for_clicks(
    voxel_map: VoxelMap,
    center: Float64,
    *,
    version: Any,
    refine_id: int,
    last: ClickedScene | None,
) -> ClickedScene:
    """The scene of the last clicks if it can serve, else a new one.

    Args:
        voxel_map: to take it from.
        center: (3,) float64 mean of the foreground clicks, map frame, metres.
        version: of the map: an epoch, which changes when the map is replaced, and a count of
            frames.
        refine_id: object that is refined; 0: none.
        last: scene of the clicks before.
    """
    stamp_ns = voxel_map.newest_stamp_ns
    if last and last.serves(center, version=version, stamp_ns=stamp_ns, refine_id=refine_id):
        return last
    scene = voxel_map.snapshot(center=center, radius=CLICK_RADIUS_M + _SLACK_M)
    return ClickedScene(scene, center, version)
