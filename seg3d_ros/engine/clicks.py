"""Clicks on the map: the scene they are answered in, and the mask that they ask for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from seg3d_ros.engine.models import Models
from seg3d_ros.mapping.clicked_scene import CLICK_RADIUS_M, ClickedScene, scene_for_clicks
from seg3d_ros.mapping.voxel_map import VoxelMap
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.scene import Bool, Float64, Scene
from seg3d_ros.segmenters.segmenter import NothingThereError
from seg3d_ros.timings import StageTimings


@dataclass(frozen=True, eq=False)
class ClickAnswer:
    """Mask that clicks ask for, before an object is made of it.

    Attributes:
        scene: the clicks were answered in.
        mask: (N,) bool over its points.
        predicted_iou: the method's own estimate of its overlap, or None.
        epoch: of the map.
    """

    scene: Scene
    mask: Bool
    predicted_iou: float | None
    epoch: int


@dataclass(frozen=True, eq=False)
class Prompted:
    """Result of a click.

    Attributes:
        object: that was found.
        scene: the click was answered in.
        method: name of the prompt segmenter.
        predicted_iou: the method's own estimate of its overlap, or None.
    """

    object: MapObject
    scene: Scene
    method: str
    predicted_iou: float | None


class Clicks:
    """Answers clicks; further ones in the scene of those before, while it can serve."""

    def __init__(self, models: Models, timings: StageTimings) -> None:
        self._models = models
        self._timings = timings
        self._last: ClickedScene | None = None

    def forget(self) -> None:
        """Drop the last scene."""
        self._last = None

    def keep(self, answer: ClickAnswer, object_id: int) -> None:
        """Answer clicks that refine the object made of an answer in the scene it was found in."""
        last = self._last
        if last and last.scene is answer.scene:
            self._last = replace(last, object_id=object_id)

    def answer_in(
        self, scene: Scene, points: Float64, foreground: Bool, *, epoch: int
    ) -> ClickAnswer:
        """Segment what was clicked in a scene; see `Engine.segment_at`."""
        with self._timings.measure("prompt"):
            found = self._models.segment_at(scene, scene.local(points), foreground)
        return ClickAnswer(scene, found.mask, found.predicted_iou, epoch)

    def answer(
        self,
        voxel_map: VoxelMap,
        points: Float64,
        foreground: Bool,
        *,
        version: tuple[int, int],
        refine_id: int,
    ) -> ClickAnswer:
        """Segment what was clicked in the map around the clicks.

        Args:
            voxel_map: that was clicked.
            points: (K, 3) float64, map frame, metres.
            foreground: (K,) bool, True where a point is on the object.
            version: epoch and number of frames of the map.
            refine_id: object that is refined; 0: none.

        Raises:
            NothingThereError: no voxel near a foreground point.
        """
        clicked = scene_for_clicks(
            voxel_map,
            points[foreground].astype(np.float64).mean(axis=0),
            version=version,
            refine_id=refine_id,
            last=self._last,
        )
        if not len(clicked.scene):
            raise NothingThereError(
                f"no voxel within {CLICK_RADIUS_M} m of the clicked points; click on the map"
            )
        found = self.answer_in(clicked.scene, points, foreground, epoch=version[0])
        self._last = clicked
        return found
