"""Page with several clouds of one scene side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from seg3d_ros.viewer.clouds import Clouds, Panel
from seg3d_ros.viewer.overlay import shortened
from seg3d_ros.viewer.server import PageServer
from seg3d_ros.viewer.settings import ViewerSettings

_PITCH = 1.1  # from panel to panel, each of which is 1 wide
_CAMERA_FOV = 0.62
_HIDDEN = {"cover": "Ceiling, front wall", "names": "Names"}  # node, and what its box says
_TITLE_PLACE = (0.0, 0.58, 0.35)
_TITLE_SCALE, _CAPTION_SCALE = 1.6, 1.0


class SideBySide:
    """The page; its methods belong to one thread, viser serves in its own."""

    def __init__(self, settings: ViewerSettings, titles: Sequence[str], *, label: str) -> None:
        """Open the page, empty.

        Args:
            settings: interface and port.
            titles: of the panels, from left to right.
            label: of the page, plain text.

        Raises:
            OSError: the port is taken.
            ImportError: viser is not installed.
        """
        self.server = PageServer(settings, label=label)
        self._titles = tuple(titles)
        self._captions: list[Any] = []
        self._status = self.server.viser.gui.add_html("")
        self._set_camera()
        self._add_panels()

    def tell(self, rows: Mapping[str, str]) -> None:
        """Show a table of names and values."""
        cells = (
            f'<tr><td style="opacity:0.6;padding-right:1em">{escape(name)}</td>'
            f"<td>{escape(shortened(value))}</td></tr>"
            for name, value in rows.items()
        )
        self._status.content = f'<table style="margin:0.3em 1em">{"".join(cells)}</table>'

    def show(self, clouds: Clouds) -> None:
        """Replace the clouds; there are as many panels as titles."""
        viser, room = self.server.viser, ~clouds.cover
        with viser.atomic():
            for caption in self._captions:
                caption.remove()
            self._captions.clear()
            for title, panel in zip(self._titles, clouds.panels, strict=True):
                for node, part in (("room", room), ("cover/points", clouds.cover)):
                    viser.scene.add_point_cloud(
                        f"/{title}/{node}", clouds.points[part], panel.colors[part],
                        point_size=clouds.point_size, point_shading="flat", point_shape="circle",
                    )  # fmt: skip
                self._add_captions(title, panel)

    def close(self) -> None:
        """Take the page down and free its port."""
        self.server.close()

    def _add_captions(self, title: str, panel: Panel) -> None:
        for number, (name, position) in enumerate(panel.captions):
            caption = self.server.viser.scene.add_label(
                f"/{title}/names/{number}", shortened(name), position=position,
                anchor="bottom-center", font_screen_scale=_CAPTION_SCALE,
            )  # fmt: skip
            self._captions.append(caption)

    def _set_camera(self) -> None:
        width = _PITCH * len(self._titles)
        camera = self.server.viser.initial_camera
        camera.position = (0.0, -0.58 * width, 0.97 * width)
        camera.look_at = (0.0, 0.1 * width, 0.0)
        camera.fov = _CAMERA_FOV

    def _add_panels(self) -> None:
        """Titles, and what is hidden until its box is ticked."""
        scene, gui = self.server.viser.scene, self.server.viser.gui
        left = -(len(self._titles) - 1) / 2
        for place, title in enumerate(self._titles):
            position = ((left + place) * _PITCH, 0, 0)
            scene.add_frame(f"/{title}", show_axes=False, position=position)
            scene.add_label(
                f"/{title}/title", title, position=_TITLE_PLACE, anchor="bottom-center",
                font_screen_scale=_TITLE_SCALE,
            )  # fmt: skip
        for group, box in _HIDDEN.items():
            frames = [
                scene.add_frame(f"/{title}/{group}", show_axes=False, visible=False)
                for title in self._titles
            ]
            gui.add_checkbox(box, False).on_update(_shows(frames))


def _shows(nodes: list[Any]) -> Callable[[Any], None]:
    def on_update(event: Any) -> None:
        for node in nodes:
            node.visible = event.target.value

    return on_update
