"""Panel with the list of objects: search, choice, details."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.job_queue import Priority
from seg3d_ros.engine.world_state import WorldState
from seg3d_ros.errors import InputError
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.objects.query import MAX_QUERY_LENGTH, Match, Matches
from seg3d_ros.pictures.palette import color_of
from seg3d_ros.viewer.details import details_html, pictures_html
from seg3d_ros.viewer.overlay import shortened
from seg3d_ros.viewer.ranking import ALL, BY_MATCH, FILTERS, ORDERS, ranked
from seg3d_ros.viewer.tasks import TOLD, line

ROWS = 10  # objects on a page of the list

OnChoice = Callable[[MapObject | None, Any], None]


class ObjectPanel:
    """The list; all pages see the same one. Any thread may call anything."""

    def __init__(self, gui: Any, engine: Engine, on_choice: OnChoice) -> None:
        """Add it to a panel that is being built.

        Args:
            gui: viser's.
            engine: whose objects are listed.
            on_choice: called with the chosen object, None for none, and the page that chose.
        """
        self._engine = engine
        self._on_choice = on_choice
        self._lock = threading.RLock()
        self._matches: list[Match] = []
        self._page = 0
        self._chosen = 0  # id
        self._refreshing = False
        self._search = gui.add_text("Search", "", hint="Free text: something to sit on")
        self._filter = gui.add_dropdown("Show", tuple(FILTERS), initial_value=ALL)
        self._order = gui.add_dropdown("Order", tuple(ORDERS), initial_value=BY_MATCH)
        self._count = gui.add_html("")
        self._rows = [gui.add_button("", visible=False) for _ in range(ROWS)]
        self._turn = gui.add_button_group("Page", ("previous", "next"), visible=False)
        self._pictures = gui.add_html("")  # apart from what changes with every segmentation
        self._details = gui.add_html("")
        self._search.on_update(self._on_search)
        self._filter.on_update(self._on_filter)
        self._order.on_update(lambda _: self.refresh())
        self._turn.on_click(self._on_turn)
        for place, row in enumerate(self._rows):
            row.on_click(lambda event, place=place: self._on_row(place, event.client))

    def update(self, state: WorldState) -> None:
        """List the objects of another world state."""
        if self._chosen and all(known.id != self._chosen for known in state.objects):
            self.choose(None)
        self.refresh()

    def choose(self, known: MapObject | None, client: Any = None) -> None:
        """Choose an object, None for none, for all pages."""
        with self._lock:
            self._chosen = known.id if known else 0
        self._on_choice(known, client)
        self._engine.jobs.submit(
            Priority.QUERY, lambda: self._show_details(self._engine.state), on_drop=lambda: None
        )

    def refresh(self) -> None:
        """Rank, list and detail anew, soon; what is asked meanwhile is done at once with it."""
        with self._lock:
            if self._refreshing:
                return
            self._refreshing = True
        if not self._engine.jobs.submit(Priority.QUERY, self._show, on_drop=lambda: None):
            self._refreshing = False

    def _show(self) -> None:
        with self._lock:
            self._refreshing = False  # from here on a new text needs a new search
        state = self._engine.state
        self._show_list(state)
        self._show_details(state)

    def _show_list(self, state: WorldState) -> None:
        with self._lock:
            text = self._search.value[:MAX_QUERY_LENGTH].strip()
            order, is_listed = self._order.value, FILTERS[self._filter.value]
        try:
            matches, remarks = ranked(state.objects, text, order, self._engine.query)
            remark = "; ".join(remarks)
        except TOLD as error:
            matches, remark = Matches(), str(error)
        with self._lock:
            self._matches = [match for match in matches if is_listed(match.object)]
            self._show_rows(remark)

    def _on_search(self, _: Any) -> None:
        if len(self._search.value) > MAX_QUERY_LENGTH:
            self._search.value = self._search.value[:MAX_QUERY_LENGTH]
        self._page = 0
        self.refresh()

    def _on_filter(self, _: Any) -> None:
        self._page = 0
        self.refresh()

    def _on_turn(self, event: Any) -> None:
        with self._lock:
            self._page += 1 if event.target.value == "next" else -1
            self._show_rows("")

    def _on_row(self, place: int, client: Any) -> None:
        with self._lock:
            number = self._page * ROWS + place
            if number >= len(self._matches):
                return
            known = self._matches[number].object
        self.choose(known, client)

    def _show_rows(self, remark: str) -> None:
        pages = max(1, -(-len(self._matches) // ROWS))
        self._page = min(max(self._page, 0), pages - 1)
        shown = self._matches[self._page * ROWS :][:ROWS]
        for place, row in enumerate(self._rows):
            match = shown[place] if place < len(shown) else None
            _set(row, visible=match is not None)
            if match is not None:
                known = match.object
                label = f"{shortened(known.label)} · {known.id} · {match.score:.2f}"
                _set(row, label=label, color=tuple(map(int, color_of(known.id))))
        _set(self._turn, visible=pages > 1)
        page = f", page {self._page + 1} of {pages}" if pages > 1 else ""
        count = f"{len(self._matches)} objects{page}"
        _set(self._count, content=line(f"{count}; {remark}" if remark else count))

    def _show_details(self, state: WorldState) -> None:
        known = next((item for item in state.objects if item.id == self._chosen), None)
        views = state.best_views.get(known.id, ()) if known else ()
        try:
            pictures = pictures_html(self._chosen, views)
        except InputError as error:
            pictures = line(str(error))
        with self._lock:
            _set(self._pictures, content=pictures)
            _set(self._details, content=details_html(known, state.events) if known else "")


def _set(handle: Any, **values: Any) -> None:
    """Change what differs: viser sends equal values as well."""
    for name, value in values.items():
        if getattr(handle, name) != value:
            setattr(handle, name, value)
