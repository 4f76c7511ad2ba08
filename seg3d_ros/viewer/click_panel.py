"""Panel for clicks: points on an object and beside it, a look at the mask, a name."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from seg3d_ros.engine.clicks import ClickAnswer
from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.job_queue import Priority
from seg3d_ros.scene import Bool, Float64
from seg3d_ros.text.labels import MAX_LENGTH
from seg3d_ros.viewer.tasks import Tasks

MAX_CLICKS = 100
CHOOSE, ON_IT, BESIDE_IT = "chooses an object", "is on a new object", "is beside it"
_MASK_COLOR = (255, 220, 0)
_CLICK_COLORS = {True: (0, 220, 90), False: (240, 60, 60)}
_CLICK_RADIUS_M = 0.03


class ClickPanel:
    """Clicks of all pages together; any thread may call anything.

    Nothing changes in the map before the mask is accepted.
    """

    def __init__(self, viser: Any, engine: Engine, tasks: Tasks) -> None:
        """Add it to a panel that is being built."""
        self._engine = engine
        self._tasks = tasks
        self._scene = viser.scene
        self._lock = threading.RLock()
        self._clicks: list[tuple[Float64, bool]] = []  # map frame, on it or beside
        self._shown: list[Any] = []  # nodes
        gui = viser.gui
        self._mode = gui.add_dropdown("A click", (CHOOSE, ON_IT, BESIDE_IT))
        with gui.add_folder("New object", visible=False) as self._folder:
            self._name = gui.add_text("Name", "", hint="Empty: the vocabulary names it.")
            accept = gui.add_button("Accept")
            undo = gui.add_button_group("Clicks", ("undo one", "cancel"))
        self._mode.on_update(lambda _: self._show())
        accept.on_click(lambda event: self._accept(event.client))
        undo.on_click(lambda event: self._undo(event.target.value == "cancel", event.client))

    @property
    def chooses(self) -> bool:
        """Whether a click chooses an object."""
        return bool(self._mode.value == CHOOSE)

    def add(self, point: Float64, client: Any) -> None:
        """Take a click at a point (3,) of the map, map frame, metres, as the mode says."""
        with self._lock:
            on_it = self._mode.value == ON_IT or not self._clicks
            if len(self._clicks) < MAX_CLICKS:
                self._clicks.append((point, on_it))
        self._answer(client)

    def taken(self) -> tuple[Float64, Bool]:
        """Clicks so far: points (K, 3), map frame, metres, and (K,) whether each is on it."""
        with self._lock:
            return _arrays(self._clicks)

    def clear(self) -> None:
        """Drop all clicks."""
        with self._lock:
            self._clicks.clear()
            self._name.value = ""
            self._mode.value = CHOOSE
        self._show()

    def _undo(self, all_of_them: bool, client: Any) -> None:
        with self._lock:
            del self._clicks[0 if all_of_them else -1 :]
        self._answer(client)

    def _answer(self, client: Any) -> None:
        """Show the mask for the clicks so far."""
        self._show()
        clicks = list(self._clicks)
        if not any(on_it for _, on_it in clicks):
            return

        def answer() -> str:
            found = self._engine.answer_clicks(*_arrays(clicks))
            with self._lock:
                if clicks == self._clicks:
                    self._show(found)
            sure = "" if found.predicted_iou is None else f", {found.predicted_iou:.0%} sure"
            return f"{np.count_nonzero(found.mask):,} voxels{sure}"

        self._tasks.run("segmenting at the clicks", Priority.CLICK, answer, client=client)

    def _accept(self, client: Any) -> None:
        clicks, name = list(self._clicks), self._name.value.strip()[: MAX_LENGTH + 1]
        if not clicks:
            return

        def accept() -> str:
            made = self._engine.segment_at(*_arrays(clicks), name=name).object
            self.clear()
            return f"object {made.id} with {len(made):,} voxels"

        self._tasks.run("making the object", Priority.CLICK, accept, client=client)

    def _show(self, found: ClickAnswer | None = None) -> None:
        """Draw clicks and mask anew; the state of the panel follows."""
        with self._lock:
            for node in self._shown:
                node.remove()
            self._shown.clear()
            self._folder.visible = bool(self._clicks) or not self.chooses
            scene = self._engine.state.scene
            if scene is None:
                return
            for number, (point, on_it) in enumerate(self._clicks):
                node = self._scene.add_icosphere(
                    f"/clicks/{number}", _CLICK_RADIUS_M, _CLICK_COLORS[on_it],
                    position=point - scene.origin,
                )  # fmt: skip
                self._shown.append(node)
            if found is not None and found.mask.any():
                local = found.scene.points[found.mask]
                center = local.mean(axis=0)
                node = self._scene.add_point_cloud(
                    "/mask", local - center, np.array(_MASK_COLOR),
                    point_size=2.2 * found.scene.voxel_size, point_shape="circle",
                    position=center + found.scene.origin - scene.origin,
                )  # fmt: skip
                self._shown.append(node)


def _arrays(clicks: list[tuple[Float64, bool]]) -> tuple[Float64, Bool]:
    points = np.array([point for point, _ in clicks], np.float64).reshape(-1, 3)
    return points, np.array([on_it for _, on_it in clicks], bool)
