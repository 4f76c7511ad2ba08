"""Best views of all objects, kept up to date while map and keyframes grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from seg3d_ros.mapping.keyframes.best_views import ObjectView, best_views
from seg3d_ros.mapping.keyframes.keyframe import Keyframe
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.scene import Float64, MapGrid

ViewsById = Mapping[int, tuple[ObjectView, ...]]

_GREW = 0.2  # an object that has changed by more of its points is looked for everywhere anew
_MOVED_M = 0.1
_MOST_KEYFRAMES = 64  # that an object is looked for in: the nearest of those that look its way


@dataclass(frozen=True, eq=False)
class _Known:
    """Views of an object, and how it was when they were chosen."""

    size: int
    centroid: Float64
    views: tuple[ObjectView, ...]

    def still_holds(self, item: MapObject, keyframe_ids: frozenset[int]) -> bool:
        """Whether the object is about the same, and its keyframes are there."""
        return (
            abs(len(item) - self.size) <= _GREW * self.size
            and float(np.linalg.norm(item.centroid - self.centroid)) <= _MOVED_M
            and all(view.keyframe.id in keyframe_ids for view in self.views)
        )


class BestViews:
    """Best views by object. Not thread-safe: its owner holds a lock.

    An object that stays as it was is looked for in the keyframes that are new; one that has
    changed in the nearest of those that look its way. So the cost of a step grows neither with
    all objects times all keyframes nor with the length of a run.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._known: dict[int, _Known] = {}
        self._keyframes: tuple[Keyframe, ...] = ()

    @property
    def in_use(self) -> frozenset[int]:
        """Ids of the keyframes that are a best view of an object."""
        return frozenset(
            view.keyframe.id for known in self._known.values() for view in known.views
        )

    def update(
        self, objects: Sequence[MapObject], grid: MapGrid, keyframes: tuple[Keyframe, ...]
    ) -> ViewsById:
        """Best views of these objects in these keyframes.

        Args:
            objects: known ones; others are forgotten.
            grid: whose local coordinates their points are in.
            keyframes: all there are, by id.
        """
        newest = self._keyframes[-1].id if self._keyframes else 0
        new = tuple(keyframe for keyframe in keyframes if keyframe.id > newest)
        ids = frozenset(keyframe.id for keyframe in keyframes)
        every, fresh = _Frustums(keyframes), _Frustums(new)
        known = {}
        for item in objects:
            before = self._known.get(item.id)
            kept = before if before is not None and before.still_holds(item, ids) else None
            known[item.id] = _looked_up(item, grid, fresh if kept else every, kept)
        self._known, self._keyframes = known, keyframes
        return MappingProxyType({object_id: found.views for object_id, found in known.items()})


def _looked_up(item: MapObject, grid: MapGrid, frustums: _Frustums, kept: _Known | None) -> _Known:
    """Views of an object in keyframes, and those that are kept of it."""
    keyframes = frustums.around(item)
    if kept is not None and not keyframes:
        return kept
    points = grid.map_from_local(item.points)
    views = best_views(points, keyframes, known=kept.views if kept else ())
    if kept is not None:
        return _Known(kept.size, kept.centroid, views)
    return _Known(len(item), item.centroid, views)


class _Frustums:
    """Cones around what keyframes show, to find those that may show an object."""

    def __init__(self, keyframes: Sequence[Keyframe]) -> None:
        self._keyframes = keyframes
        poses = np.array([item.map_from_camera for item in keyframes]).reshape(-1, 4, 4)
        self._positions, self._axes = poses[:, :3, 3], poses[:, :3, 2]
        self._angles = np.array([_half_angle(keyframe) for keyframe in keyframes])

    def around(self, item: MapObject) -> list[Keyframe]:
        """Keyframes whose cone meets the ball around an object's box, by id; the nearest ones."""
        if not self._keyframes:
            return []
        towards = item.box.center - self._positions
        distances = np.maximum(np.linalg.norm(towards, axis=1), 1e-9)
        cosines = (towards * self._axes).sum(axis=1) / distances
        radius = float(np.linalg.norm(item.box.size)) / 2
        half_ball = np.arcsin(np.minimum(radius / distances, 1.0))
        near = (distances <= radius) | (
            np.arccos(np.clip(cosines, -1, 1)) <= self._angles + half_ball
        )
        rows = np.flatnonzero(near)
        if len(rows) > _MOST_KEYFRAMES:
            rows = np.sort(rows[np.argsort(distances[rows], kind="stable")[:_MOST_KEYFRAMES]])
        return [self._keyframes[row] for row in rows.tolist()]


def _half_angle(keyframe: Keyframe) -> float:
    """Angle between the optical axis and the corner of a picture that is farthest from it."""
    camera = keyframe.camera
    across = max(camera.cx, camera.width - camera.cx) / abs(camera.fx)
    down = max(camera.cy, camera.height - camera.cy) / abs(camera.fy)
    return float(np.arctan(np.hypot(across, down)))
