"""Segmentation of the map: a snapshot of it through the segmenter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from seg3d_ros.engine.models import Models
from seg3d_ros.mapping.keyframes.keyframe import KeyframeViews
from seg3d_ros.mapping.keyframes.store import KeyframeStore
from seg3d_ros.mapping.voxel_map import VoxelMap
from seg3d_ros.scene import Float64, Instances, Scene
from seg3d_ros.timings import StageTimings


class EmptyMapError(RuntimeError):
    """Map without a frame."""

    def __init__(self) -> None:
        super().__init__("the map is empty: no frame has been integrated yet")


class MapSegmentation:
    """Segments snapshots; while the map stands still, the result of the last one serves again."""

    def __init__(self, models: Models, timings: StageTimings) -> None:
        self._models = models
        self._timings = timings
        self._version: Any = None
        self._result: tuple[Scene, Instances] | None = None

    def forget(self) -> None:
        """Drop the last result; its masks may be large."""
        self._version = self._result = None

    def run(
        self,
        voxel_map: VoxelMap,
        keyframes: KeyframeStore,
        *,
        version: Any,
        views_waiting: int,
        ball: tuple[Float64, float] | None,
    ) -> tuple[Scene, Instances]:
        """Segment the map.

        Args:
            voxel_map: to take the snapshot from.
            keyframes: the views of the scene.
            version: of the map and the settings; another one means that either has changed.
            views_waiting: keyframes that the segmenter has not looked at yet.
            ball: centre (3,) in the map frame and radius, metres, of the part to segment; None:
                all.

        Raises:
            EmptyMapError: nothing has been integrated yet.
        """
        if self._result is None or self._version != version or views_waiting:
            with self._timings.measure("snapshot"):
                scene = self._snapshot(voxel_map, keyframes, ball)
            if not len(scene):
                raise EmptyMapError
            with self._timings.measure("segment"):
                self._result = scene, self._models.segment(scene)
            self._version = version
        return self._result

    def _snapshot(
        self, voxel_map: VoxelMap, keyframes: KeyframeStore, ball: tuple[Float64, float] | None
    ) -> Scene:
        """The map or a part of it, with all views."""
        views = KeyframeViews(keyframes.all())
        if ball is None:
            return replace(voxel_map.snapshot(), views=views)
        center, radius = ball
        part = replace(voxel_map.snapshot(center=center, radius=radius), views=views)
        if not self._models.labels_points:
            return part
        return replace(part, whole=replace(voxel_map.snapshot(), views=views))
