"""Map, boxes and captions on the pages, and the panel that changes how they look."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from seg3d_ros.engine.world_state import WorldState
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.pictures.viewpoint import LID_HEIGHT_M
from seg3d_ros.scene import Float64, Scene
from seg3d_ros.viewer.cameras import FirstCamera, fly_to
from seg3d_ros.viewer.frusta import Frusta
from seg3d_ros.viewer.overlay import Overlay
from seg3d_ros.viewer.picking import first_hit
from seg3d_ros.viewer.scene_colors import CAMERA, MODES, scene_colors
from seg3d_ros.viewer.tile_stream import TileStream, View
from seg3d_ros.viewer.tiles import TiledCloud

_MAX_HEIGHT_M = 10.0  # of the cut above the floor


class MapView:
    """View of the newest world state on all pages. Any thread may call anything."""

    def __init__(self, viser: Any, stream: TileStream) -> None:
        """Add the controls to a panel that is being built."""
        self._stream = stream
        self._overlay = Overlay(viser)
        self._frusta = Frusta(viser)
        self._camera = FirstCamera(viser)
        self._lock = threading.RLock()
        self._state = WorldState()
        self._cloud: TiledCloud | None = None
        self._floor = 0.0
        self._chosen: MapObject | None = None
        gui = viser.gui
        self._mode = gui.add_dropdown("Colour by", MODES, initial_value=CAMERA)
        self._size = gui.add_slider("Point size", 0.5, 4.0, 0.1, 1.5)
        self._height = gui.add_slider(
            "Cut above", 0.1, _MAX_HEIGHT_M, 0.05, LID_HEIGHT_M,
            hint=f"Metres above the floor; {_MAX_HEIGHT_M:.0f}: no cut.",
        )  # fmt: skip
        boxes = gui.add_checkbox("Boxes", True)
        captions = gui.add_checkbox("Captions", True)
        cameras = gui.add_checkbox("Cameras", False, hint="Where the pictures were taken.")
        look = gui.add_button_group("Look", ("at all", "from above"))
        self._mode.on_update(lambda _: self._paint())
        self._size.on_update(lambda _: stream.change(point_size=float(self._size.value)))
        self._height.on_update(lambda _: self._cut())
        boxes.on_update(lambda _: self._overlay.show_boxes(boxes.value))
        captions.on_update(lambda _: self._overlay.show_captions(captions.value))
        cameras.on_update(lambda _: self._show_cameras(cameras.value))
        look.on_click(
            lambda event: self._camera.look(event.client, event.target.value == "from above")
        )

    @property
    def ceiling(self) -> float:
        """Height of the cut, local coordinates, metres; infinite without one."""
        height = float(self._height.value)
        return self._floor + height if height < _MAX_HEIGHT_M else np.inf

    @property
    def state(self) -> WorldState:
        """World state that is shown."""
        return self._state

    def update(self, state: WorldState) -> None:
        """Show another world state."""
        with self._lock:
            before, self._state = self._state, state
            scene = state.scene
            if scene is None or not len(scene):
                self._cloud = None
                self._overlay.update((), np.empty((0, 3), np.float32), np.zeros(3))
                self._frusta.update((), np.zeros(3))
                return
            if before.scene is not scene:
                self._cloud = TiledCloud(scene.points, scene.voxel_size)
                self._floor = float(np.percentile(scene.points[:, 2], 1))
            self._label(scene)
            self._frusta.update(state.keyframes, scene.origin)
            chosen = {known.id: known for known in state.objects}
            self.choose(chosen.get(self._chosen.id) if self._chosen else None)
            self._paint()
            self._camera.follow(scene, state.objects, self.ceiling)

    def choose(self, known: MapObject | None) -> None:
        """Mark one object."""
        with self._lock:
            if known is not self._chosen:
                self._chosen = known
                self._overlay.choose(known, self._origin)

    def fly_to(self, known: MapObject, client: Any) -> None:
        """Bring an object before the camera of one page, from the side it looks from now."""
        fly_to(client, known.box.center - self._origin, float(np.linalg.norm(known.box.size)))

    def hit(self, origin: Any, direction: Any) -> tuple[Float64, MapObject | None] | None:
        """Point of the map that a ray of a page's pointer hits, and the object there.

        Args:
            origin: (3,) of the ray, the page's coordinates, metres.
            direction: (3,) of the ray.

        Returns:
            (3,) map frame, metres, and its object if it has one; None: nothing is hit.
        """
        state = self._state
        scene = state.scene
        if scene is None:
            return None
        radius = scene.voxel_size * 0.6 * max(1.0, float(self._size.value))
        row = first_hit(
            scene.points, np.asarray(origin, np.float64), np.asarray(direction, np.float64),
            radius=radius, ceiling=self.ceiling,
        )  # fmt: skip
        if row < 0:
            return None
        element = scene.element_ids[row]
        owners = (known for known in state.objects if _owns(known, element))
        return scene.grid.map_from_local(scene.points[row]), next(owners, None)

    @property
    def _origin(self) -> Float64:
        """Origin of the page's coordinates, map frame, metres."""
        scene = self._state.scene
        return np.zeros(3) if scene is None else scene.origin

    def _cut(self) -> None:
        with self._lock:
            self._stream.change(ceiling=self.ceiling)
            if self._state.scene is not None:
                self._label(self._state.scene)

    def _show_cameras(self, shown: bool) -> None:
        with self._lock:
            self._frusta.show(shown)

    def _label(self, scene: Scene) -> None:
        """Boxes and captions of what begins below the cut."""
        top = self.ceiling + scene.origin[2]
        shown = [
            known
            for known in self._state.objects
            if known.box.center[2] - known.box.size[2] / 2 < top
        ]
        self._overlay.update(shown, scene.points, scene.origin)

    def _paint(self) -> None:
        with self._lock:
            state, cloud = self._state, self._cloud
            if cloud is None or state.scene is None:
                return
            colors = scene_colors(state.scene, state.objects, self._mode.value)
            self._stream.show(
                View(cloud.painted(colors), self.ceiling, float(self._size.value), state.epoch)
            )


def _owns(known: MapObject, element: np.int64) -> bool:
    place = int(np.searchsorted(known.element_ids, element))
    return place < len(known) and known.element_ids[place] == element
