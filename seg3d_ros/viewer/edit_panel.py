"""Panel that edits the chosen object: rename, delete, merge, split, lock, undo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.job_queue import Priority
from seg3d_ros.errors import InputError
from seg3d_ros.objects.edits import Delete, Edit, Lock, Merge, Rename, Split, Undo
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.text.labels import MAX_LENGTH
from seg3d_ros.viewer.click_panel import ClickPanel
from seg3d_ros.viewer.tasks import Tasks

_MAX_ID = 2**32 - 1
_RENAME, _DELETE, _LOCK, _UNLOCK = "rename", "delete", "lock", "unlock"


class EditPanel:
    """Buttons for the object that is chosen; it is shown while one is."""

    def __init__(self, gui: Any, engine: Engine, tasks: Tasks, clicks: ClickPanel) -> None:
        """Add it to a panel that is being built.

        Args:
            gui: viser's.
            engine: whose objects are edited.
            tasks: where edits run.
            clicks: that show the part of an object that is split off.
        """
        self._engine = engine
        self._tasks = tasks
        self._clicks = clicks
        self._chosen = 0  # id
        with gui.add_folder("Chosen object", visible=False) as self._folder:
            self._name = gui.add_text("New name", "", hint="Empty: the vocabulary names it.")
            of_one = gui.add_button_group("Object", (_RENAME, _DELETE, _LOCK, _UNLOCK))
            self._other = gui.add_number("Other number", 0, min=0, max=_MAX_ID, step=1)
            merge = gui.add_button("Merge the other into this one")
            split = gui.add_button("Split off what is clicked")
        undo = gui.add_button("Undo the last edit")
        of_one.on_click(lambda event: self._edit_one(event.target.value, event.client))
        merge.on_click(lambda event: self._edit("merging", self._merge, event.client))
        split.on_click(lambda event: self._edit("splitting", self._split, event.client))
        undo.on_click(lambda event: self._edit("undoing", Undo, event.client))

    def show(self, known: MapObject | None) -> None:
        """Edit this object from now on; None: none."""
        number = known.id if known else 0
        if number != self._chosen:
            self._chosen = number
            self._folder.visible = known is not None
            self._name.value = (known.pinned_label or "") if known else ""

    def _edit_one(self, what: str, client: Any) -> None:
        number, name = self._chosen, self._name.value.strip()[: MAX_LENGTH + 1]
        edits: dict[str, Callable[[], Edit]] = {
            _RENAME: lambda: Rename(number, name),
            _DELETE: lambda: Delete((number,)),
            _LOCK: lambda: Lock((number,)),
            _UNLOCK: lambda: Lock((number,), locked=False),
        }
        if what in edits:
            self._edit(what, edits[what], client)

    def _merge(self) -> Edit:
        return Merge((self._chosen, int(self._other.value)))

    def _split(self) -> Edit:
        points, foreground = self._clicks.taken()
        if not foreground.any():
            raise InputError("no click shows the part; set what a click is, and click on it")
        return Split(self._chosen, points, foreground)

    def _edit(self, what: str, edit: Callable[[], Edit], client: Any) -> None:
        def run() -> str:
            report = self._engine.edit(edit())
            self._clicks.clear()
            return report.message

        self._tasks.run(what, Priority.EDIT, run, client=client)
