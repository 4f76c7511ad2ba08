"""Boxes and captions over a rendered view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from seg3d_ros.objects.box import Box
from seg3d_ros.objects.map_object import UNLABELLED, MapObject
from seg3d_ros.pictures.palette import color_of
from seg3d_ros.pictures.point_splatting import View
from seg3d_ros.scene import Float32, Float64, UInt8

_LINE_PX = 3
_PIECES = 48  # an edge of a box is drawn in pieces, each in front of or behind the scene
_HIDDEN_ALPHA = 60
_BEHIND_M = 0.03
_FONT_PX = 15
_PADDING_PX = 3
_TITLE_COLOR = (205, 210, 216)
# Corners of a box differ from its center by these shares of its size; edges join two of them.
UNIT_CORNERS = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) / 2
BOX_EDGES = [
    (a, b)
    for a in range(8)
    for b in range(a + 1, 8)
    if (UNIT_CORNERS[a] != UNIT_CORNERS[b]).sum() == 1
]

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Rectangle = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Tag:
    """A caption.

    Attributes:
        text: one short line.
        anchor: (2,) pixel it belongs to; it stands above that.
        color: (3,) uint8 RGB of what it is about; behind the text, darker.
    """

    text: str
    anchor: Float64
    color: UInt8


def box_corners(box: Box) -> Float64:
    """(8, 3) corners of an upright box, map frame, metres."""
    cosine, sine = np.cos(box.yaw), np.sin(box.yaw)
    turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    return np.asarray((UNIT_CORNERS * box.size) @ turn.T + box.center)


def draw_boxes(
    image: Image.Image, objects: Sequence[MapObject], view: View, depth: Float32
) -> None:
    """Draw the edges of each object's box; faint where the scene hides them.

    Args:
        image: drawn into; has the size of the view.
        objects: whose boxes to draw.
        view: the virtual camera.
        depth: (H, W) metres of what the image shows.
    """
    draw = ImageDraw.Draw(image, "RGBA")
    for item in objects:
        color = tuple(int(channel) for channel in color_of(item.id))
        corners = box_corners(item.box)
        for a, b in BOX_EDGES:
            share = np.linspace(0, 1, _PIECES + 1)[:, None]
            edge = view.project(corners[a] * (1 - share) + corners[b] * share)
            _draw_edge(draw, edge, color, depth)


def _draw_edge(
    draw: ImageDraw.ImageDraw, edge: Float64, color: tuple[int, ...], depth: Float32
) -> None:
    height, width = depth.shape
    columns = np.clip(edge[:, 0], 0, width - 1).astype(int)
    rows = np.clip(edge[:, 1], 0, height - 1).astype(int)
    hidden = edge[:, 2] > depth[rows, columns] + _BEHIND_M
    for (start, end), behind in zip(pairwise(edge), hidden[:-1], strict=True):
        alpha = _HIDDEN_ALPHA if behind else 255
        draw.line([*start[:2], *end[:2]], fill=(*color, alpha), width=_LINE_PX)


def draw_captions(
    image: Image.Image, objects: Sequence[MapObject], view: View, *, boxed: Sequence[MapObject]
) -> None:
    """Write id and label, if any, on the objects in this order; leave out what would overlap.

    A caption stands on top of the box where that is `boxed`, drawn, and else in its middle: the
    upper part of walls may be cut off.
    """
    draw_tags(image, [_tag(item, view, on_top=item in boxed) for item in objects])


def draw_tags(image: Image.Image, tags: Sequence[Tag]) -> None:
    """Write the tags in this order; leave out what would overlap."""
    draw = ImageDraw.Draw(image, "RGBA")
    font = _default_font(_FONT_PX)
    taken: list[Rectangle] = []
    for tag in tags:
        text = _drawable(tag.text, font)
        width = draw.textlength(text, font)
        place = _free_place(tag.anchor, width, taken, image.size)
        if place is None:
            continue
        taken.append(place)
        draw.rounded_rectangle(place, 4, fill=(*(int(c) for c in tag.color * 0.4), 225))
        middle = ((place[0] + place[2]) / 2, (place[1] + place[3]) / 2)
        _write_centered(draw, middle, text, font)


def _tag(item: MapObject, view: View, *, on_top: bool) -> Tag:
    text = str(item.id) if item.label == UNLABELLED else f"{item.id} {item.label}"
    top = box_corners(item.box)[UNIT_CORNERS[:, 2] > 0].mean(axis=0)
    at = top if on_top else item.box.center
    return Tag(text, view.project(at[None])[0, :2], color_of(item.id))


def draw_title(image: Image.Image, text: str) -> None:
    """Write a line into the upper left corner."""
    draw = ImageDraw.Draw(image)
    font = _default_font(_FONT_PX + 3)
    draw.text((16, 12), _drawable(text, font), fill=_TITLE_COLOR, font=font)


def _default_font(size_px: int) -> Font:
    """Pillow's own font; before Pillow 10.1 it has one size, as a bitmap."""
    try:
        return ImageFont.load_default(size_px)
    except TypeError:
        return ImageFont.load_default()


def _drawable(text: str, font: Font) -> str:
    """The text with "?" for what a bitmap font cannot draw."""
    is_bitmap = not isinstance(font, ImageFont.FreeTypeFont)
    return text.encode("latin-1", "replace").decode("latin-1") if is_bitmap else text


def _write_centered(
    draw: ImageDraw.ImageDraw, middle: tuple[float, float], text: str, font: Font
) -> None:
    if isinstance(font, ImageFont.FreeTypeFont):
        draw.text(middle, text, fill="white", font=font, anchor="mm")
        return
    width, height = font.getmask(text).size  # bitmaps know no anchor
    corner = (middle[0] - width / 2, middle[1] - height / 2)
    draw.text(corner, text, fill="white", font=font)


def _free_place(
    anchor: Float64, text_width: float, taken: list[Rectangle], size: tuple[int, int]
) -> Rectangle | None:
    """Rectangle near an anchor that touches no other, or None."""
    width, height = text_width + 4 * _PADDING_PX, _FONT_PX + 2 * _PADDING_PX
    for shift in (0, -1, 1, -2, 2):
        left = float(np.clip(anchor[0] - width / 2, 0, size[0] - width))
        top = float(np.clip(anchor[1] - height + shift * height, 0, size[1] - height))
        place = (left, top, left + width, top + height)
        if not any(_overlap(place, other) for other in taken):
            return place
    return None


def _overlap(a: Rectangle, b: Rectangle) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
