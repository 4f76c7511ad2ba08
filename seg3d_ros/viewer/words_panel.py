"""Panel with the vocabulary."""

from __future__ import annotations

from typing import Any

from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.job_queue import Priority
from seg3d_ros.engine.world_state import WorldState
from seg3d_ros.text.labels import MAX_LABELS, MAX_LENGTH
from seg3d_ros.viewer.tasks import Tasks

_MAX_TEXT = MAX_LABELS * MAX_LENGTH
_HINT = (
    "One label a line or separated by commas; sofa|couch are synonyms, a minus before a word "
    "makes it background: -wall"
)


class WordsPanel:
    """Editor of the words that objects are named with; their names change at once."""

    def __init__(self, gui: Any, engine: Engine, tasks: Tasks, *, read_only: bool) -> None:
        """Add it to a panel that is being built."""
        self._engine = engine
        self._tasks = tasks
        self._version = 0
        self._text = gui.add_text("Words", "", multiline=True, hint=_HINT, disabled=read_only)
        if not read_only:
            gui.add_button("Use these words").on_click(lambda event: self._use(event.client))

    def update(self, state: WorldState) -> None:
        """Show the words in force, if they are others than before."""
        if state.vocabulary is not None and state.vocabulary_version != self._version:
            self._version = state.vocabulary_version
            self._text.value = "\n".join(state.vocabulary.entries)

    def _use(self, client: Any) -> None:
        labels = labels_of(self._text.value[:_MAX_TEXT])

        def use() -> str:
            vocabulary = self._engine.set_vocabulary(labels)
            return "; ".join([f"{len(vocabulary)} words", *vocabulary.warnings])

        self._tasks.run("naming the objects", Priority.ENCODE, use, client=client)


def labels_of(text: str) -> list[str]:
    """Labels of a text that was typed or pasted."""
    parts = (part.strip() for row in text.splitlines() for part in row.split(","))
    return [part for part in parts if part]
