"""Cameras of the pages: a first look at the map, flights to objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.point_owners import owner_of_points
from seg3d_ros.pictures.viewpoint import best_view
from seg3d_ros.scene import Float32, Float64, Scene

FIELD_OF_VIEW = 0.8  # vertical, radians
_PITCH = np.radians(55.0)  # steep: a page has no front wall taken off
_GROWN = 1.25  # extent of a map, relative to what was looked at, from which on it is new


class FirstCamera:
    """Place from which a page first looks at the map. Not thread-safe."""

    def __init__(self, viser: Any) -> None:
        """Know of no map yet."""
        self._viser = viser
        self._place: tuple[Float64, Float64] | None = None
        self._above: tuple[Float64, Float64] | None = None
        self._extent = 0.0
        self._with_objects = False

    def follow(self, scene: Scene, objects: Sequence[MapObject], ceiling: float) -> None:
        """Choose a place anew for a map that has grown.

        Pages that are open move there at the first scene and at the first objects, later ones
        begin there.

        Args:
            scene: at least one point.
            objects: in it.
            ceiling: height of the cut, local coordinates, metres.
        """
        low, high = np.percentile(scene.points, [1, 99], axis=0)
        extent = float(np.linalg.norm(high - low))
        first_objects = bool(objects) and not self._with_objects
        if extent < _GROWN * self._extent and not first_objects:
            return
        is_first = first_objects or self._place is None
        self._extent, self._with_objects = extent, bool(objects)
        shown = scene.points[:, 2] <= ceiling
        of_object = owner_of_points(scene, objects) >= 0
        self._choose(scene.points[shown], of_object[shown])
        if self._place is None:
            return
        camera = self._viser.initial_camera
        camera.position, camera.look_at = self._place
        camera.fov = FIELD_OF_VIEW
        if is_first:
            for client in self._viser.get_clients().values():
                _move(client, *self._place)

    def look(self, client: Any, from_above: bool) -> None:
        """Bring the whole map before the camera of one page."""
        place = self._above if from_above else self._place
        if place is not None:
            _move(client, *place)

    def _choose(self, points: Float32, of_object: Any) -> None:
        if not len(points):
            return
        view, _ = best_view(points, of_object, size=(640, 480))
        ahead = view.camera_from_map[2, :2]
        away = -ahead / np.linalg.norm(ahead) * np.cos(_PITCH)
        low, high = np.percentile(points, [1, 99], axis=0)
        target = (low + high) / 2
        distance = 0.62 * float(np.linalg.norm(high - low)) / np.tan(FIELD_OF_VIEW / 2)
        self._place = target + np.append(away, np.sin(_PITCH)) * distance, target
        self._above = target + np.append(0.01 * away, 1.0) * distance, target


def fly_to(client: Any, center: Float64, size: float) -> None:
    """Bring a thing before the camera of one page, from the side that it looks from now.

    Args:
        client: viser's.
        center: (3,) of the thing, the page's coordinates, metres.
        size: its diameter, metres.
    """
    camera = client.camera
    away = np.asarray(camera.position) - np.asarray(camera.look_at)
    away[2] = max(away[2], np.linalg.norm(away[:2]))  # over the walls
    distance = 1.2 + 2.0 * size
    _move(client, center + away / max(np.linalg.norm(away), 1e-6) * distance, center)


def _move(client: Any, position: Float64, target: Float64) -> None:
    with client.atomic():
        client.camera.position = position
        client.camera.look_at = target
