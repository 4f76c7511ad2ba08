"""Boxes and captions of the objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.pictures.captions import BOX_EDGES, box_corners
from seg3d_ros.pictures.palette import color_of
from seg3d_ros.pictures.picture import without_surfaces
from seg3d_ros.scene import Float32, Float64

MAX_CAPTIONS = 200  # those of the largest objects
MAX_SHOWN = 60  # characters of a name
_LINE_PX, _CHOSEN_PX = 1.5, 4.0
_CHOSEN_COLOR = (255, 220, 0)
_CAPTION_SCALE = 0.9


class _Caption(NamedTuple):
    text: str
    place: tuple[float, ...]


class Overlay:
    """Boxes and captions on all pages; only what changes is sent. Not thread-safe."""

    def __init__(self, viser: Any) -> None:
        """Show nothing yet."""
        self._scene = viser.scene
        self._boxes = self._scene.add_frame("/boxes", show_axes=False)
        self._names = self._scene.add_frame("/names", show_axes=False)
        self._lines: Any = None
        self._corners: Any = None
        self._captions: dict[int, tuple[_Caption, Any]] = {}
        self._chosen: Any = None

    def show_boxes(self, shown: bool) -> None:
        """Show or hide the boxes."""
        self._boxes.visible = shown

    def show_captions(self, shown: bool) -> None:
        """Show or hide the captions."""
        self._names.visible = shown

    def update(self, objects: Sequence[MapObject], points: Float32, origin: Float64) -> None:
        """Show these objects; walls, floors and ceilings have no boxes, which would frame all.

        Args:
            objects: with boxes in the map frame.
            points: (N, 3) of the scene.
            origin: (3,) of the page's coordinates, map frame, metres.
        """
        things = without_surfaces(objects, points)
        self._draw_boxes(things, origin)
        largest = sorted(objects, key=len, reverse=True)[:MAX_CAPTIONS]
        wanted = {known.id: _caption(known, origin) for known in largest}
        for gone in self._captions.keys() - wanted.keys():
            self._captions.pop(gone)[1].remove()
        for number, caption in wanted.items():
            self._place(number, caption)

    def choose(self, known: MapObject | None, origin: Float64) -> None:
        """Mark one object; None: none."""
        if self._chosen is not None:
            self._chosen.remove()
        self._chosen = None
        if known is not None:
            self._chosen = self._scene.add_line_segments(
                "/chosen", _edges([known], origin), np.array(_CHOSEN_COLOR),
                thickness=_CHOSEN_PX, thickness_units="screen",
            )  # fmt: skip

    def _draw_boxes(self, objects: Sequence[MapObject], origin: Float64) -> None:
        edges = _edges(objects, origin)
        if self._corners is not None and np.array_equal(edges, self._corners):
            return
        self._corners = edges
        if self._lines is not None:
            self._lines.remove()
            self._lines = None
        if not len(edges):
            return
        palette = np.array([color_of(known.id) for known in objects], np.uint8)
        colors = np.repeat(palette, len(BOX_EDGES), axis=0)[:, None].repeat(2, axis=1)
        self._lines = self._scene.add_line_segments(
            "/boxes/lines", edges, colors, thickness=_LINE_PX, thickness_units="screen"
        )

    def _place(self, number: int, caption: _Caption) -> None:
        before, handle = self._captions.get(number, (caption, None))
        if handle is None:
            handle = self._scene.add_label(
                f"/names/{number}", caption.text, position=caption.place,
                anchor="bottom-center", font_screen_scale=_CAPTION_SCALE,
            )  # fmt: skip
        else:
            if before.text != caption.text:
                handle.text = caption.text
            if before.place != caption.place:
                handle.position = caption.place
        self._captions[number] = caption, handle


def shortened(name: str) -> str:
    """A name of bounded length."""
    return name if len(name) <= MAX_SHOWN else f"{name[: MAX_SHOWN - 1]}…"


def _caption(known: MapObject, origin: Float64) -> _Caption:
    top = known.box.center - origin + (0, 0, known.box.size[2] / 2)
    return _Caption(shortened(known.label), tuple(top.round(3).tolist()))


def _edges(objects: Sequence[MapObject], origin: Float64) -> Any:
    """(12 K, 2, 3) float32 edges of the boxes of K objects, in the page's coordinates."""
    if not objects:
        return np.empty((0, 2, 3), np.float32)
    corners = np.stack([box_corners(known.box) for known in objects]) - origin
    return corners[:, np.array(BOX_EDGES)].reshape(-1, 2, 3).astype(np.float32)
