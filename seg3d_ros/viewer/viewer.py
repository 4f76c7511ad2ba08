"""The viewer: a page that follows the world states of an engine."""

from __future__ import annotations

from typing import Any

from seg3d_ros.engine.engine import Engine
from seg3d_ros.engine.world_state import WorldState
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.recordings.recording import Recording
from seg3d_ros.viewer.click_panel import ClickPanel
from seg3d_ros.viewer.edit_panel import EditPanel
from seg3d_ros.viewer.map_panel import MapPanel
from seg3d_ros.viewer.map_view import MapView
from seg3d_ros.viewer.object_panel import ObjectPanel
from seg3d_ros.viewer.playback_panel import PlaybackPanel
from seg3d_ros.viewer.server import PageServer
from seg3d_ros.viewer.settings import ViewerSettings
from seg3d_ros.viewer.tasks import Tasks
from seg3d_ros.viewer.tile_stream import TileStream
from seg3d_ros.viewer.words_panel import WordsPanel


class Viewer:
    """Page of one engine; it listens to the engine and calls it.

    Threads: the engine's listener brings new states, viser's threads what people do on the pages,
    the engine's job queue does the work, one thread sends the map.

    Attributes:
        tasks: work that is told of on the page.
        playback: panel of the recording, None without one.
    """

    def __init__(
        self,
        engine: Engine,
        settings: ViewerSettings,
        *,
        title: str = "seg3d",
        fixed_frame: str = "",
        recording: Recording | None = None,
    ) -> None:
        """Open the page.

        Args:
            engine: to show.
            settings: of the page.
            title: of its panel, plain text.
            fixed_frame: frame of the map, which saved files remember; empty: unknown.
            recording: that people may play into the engine; None: frames come from elsewhere.

        Raises:
            OSError: the port is taken.
            ImportError: viser is not installed.
        """
        self._engine = engine
        self._closed = False
        self._server = PageServer(settings, label=title)
        viser = self._server.viser
        self._stream = TileStream(settings)
        self.tasks = Tasks(engine.jobs, viser.gui)
        self.playback = PlaybackPanel(viser.gui, recording, engine) if recording else None
        edits = not settings.read_only
        tabs = viser.gui.add_tab_group()
        with tabs.add_tab("Objects"):
            self._clicks = ClickPanel(viser, engine, self.tasks) if edits else None
            self._objects = ObjectPanel(viser.gui, engine, self._on_choice)
            self._edits = (
                EditPanel(viser.gui, engine, self.tasks, self._clicks) if self._clicks else None
            )
        with tabs.add_tab("View"):
            self._map = MapView(viser, self._stream)
        with tabs.add_tab("Words"):
            self._words = WordsPanel(viser.gui, engine, self.tasks, read_only=not edits)
        if edits:
            with tabs.add_tab("Map"):
                MapPanel(viser.gui, engine, self.tasks, fixed_frame=fixed_frame)
        viser.scene.on_click()(self._on_click)
        viser.on_client_connect(self._stream.add_page)
        viser.on_client_disconnect(self._stream.remove_page)
        for client in viser.get_clients().values():
            self._stream.add_page(client)
        self._subscription = engine.subscribe(self._on_state)

    @property
    def url(self) -> str:
        """Address to open in a browser."""
        return self._server.url

    @property
    def port(self) -> int:
        """Port of the page."""
        return self._server.port

    def close(self) -> None:
        """Stop listening and take the page down; a second time nothing happens."""
        if self._closed:
            return
        self._closed = True
        if self.playback is not None:
            self.playback.close()
        self._engine.unsubscribe(self._subscription)
        self._stream.close()
        self._server.close()

    def __enter__(self) -> Viewer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _on_state(self, state: WorldState) -> None:
        self._map.update(state)
        self._objects.update(state)
        self._words.update(state)

    def _on_choice(self, known: MapObject | None, client: Any) -> None:
        self._map.choose(known)
        if self._edits is not None:
            self._edits.show(known)
        if known is not None and client is not None:
            self._map.fly_to(known, client)

    def _on_click(self, event: Any) -> None:
        found = self._map.hit(event.ray_origin, event.ray_direction)
        if found is None:
            return
        point, known = found
        if self._clicks is None or self._clicks.chooses:
            self._objects.choose(known)
        else:
            self._clicks.add(point, event.client)
