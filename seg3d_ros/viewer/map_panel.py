"""Panel with the work on the whole map: segment, save, load, forget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.job_queue import Priority
from seg3d_ros.viewer.tasks import Tasks

_MAX_PATH = 4096  # characters


class MapPanel:
    """Buttons and the path of the map file, which is on the machine that serves the page."""

    def __init__(self, gui: Any, engine: Engine, tasks: Tasks, *, fixed_frame: str) -> None:
        """Add it to a panel that is being built."""
        self._engine = engine
        self._fixed_frame = fixed_frame
        self._path = gui.add_text("File", "map.seg3d", hint="On the machine that serves the page.")

        def button(label: str, what: str, priority: Priority, work: Callable[[], str]) -> None:
            gui.add_button(label).on_click(
                lambda event: tasks.run(what, priority, work, client=event.client)
            )

        button("Save map", "saving", Priority.EDIT, self._save)
        button("Load map", "loading", Priority.EDIT, self._load)
        button("Segment now", "segmenting", Priority.SEGMENT, self._segment)

    def _segment(self) -> str:
        state = self._engine.segment()
        return f"{len(state.objects)} objects in {len(state.scene or ()):,} voxels"

    def _save(self) -> str:
        path = self._path.value[:_MAX_PATH]
        objects, voxels = self._engine.save(path, fixed_frame=self._fixed_frame)
        return f"saved {objects} objects and {voxels:,} voxels"

    def _load(self) -> str:
        report = self._engine.load(self._path.value[:_MAX_PATH], fixed_frame=self._fixed_frame)
        loaded = f"loaded {report.objects} objects and {report.voxels:,} voxels"
        return "; ".join([loaded, *report.remarks])
