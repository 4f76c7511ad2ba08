"""Pictures of objects: best views as JPEG files, cut to the object, with its box drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from seg3d_ros.mapping.keyframes.best_views import ObjectView
from seg3d_ros.mapping.keyframes.keyframe import jpeg_of
from seg3d_ros.pictures.palette import color_of

Rectangle = tuple[int, int, int, int]  # left, top, right, bottom; the last two are beyond

_SURROUNDINGS = 0.35  # of the box's longer side, added on each side
_LEAST_PX = 32
_LINE_PX = 2


@dataclass(frozen=True, eq=False)
class ObjectPicture:
    """A picture of an object.

    Attributes:
        jpeg: file with the box drawn.
        box: of the object in it, pixels.
    """

    jpeg: bytes
    box: Rectangle


def picture_of(view: ObjectView, object_id: int, *, whole: bool = False) -> ObjectPicture:
    """Draw a view of an object.

    Args:
        view: of the object.
        object_id: whose colour the box has.
        whole: the whole camera picture, not only the object and its surroundings.

    Raises:
        InputError: the picture comes from a damaged file.
    """
    image = Image.fromarray(view.keyframe.read_color())
    left, top, right, bottom = (0, 0, *image.size) if whole else _around(view.box, image.size)
    image = image.crop((left, top, right, bottom))
    box = (view.box[0] - left, view.box[1] - top, view.box[2] - left, view.box[3] - top)
    frame = (box[0] - _LINE_PX, box[1] - _LINE_PX, box[2] + _LINE_PX - 1, box[3] + _LINE_PX - 1)
    color = tuple(int(channel) for channel in color_of(object_id))
    ImageDraw.Draw(image).rectangle(frame, outline=color, width=_LINE_PX)
    return ObjectPicture(jpeg_of(np.asarray(image)), box)


def pictures_of(
    best_views: Mapping[int, tuple[ObjectView, ...]],
) -> dict[int, tuple[ObjectPicture, ...]]:
    """Pictures of all objects that have a view, by id, best first."""
    return {
        object_id: tuple(picture_of(view, object_id) for view in views)
        for object_id, views in best_views.items()
        if views
    }


def _around(box: Rectangle, size: tuple[int, int]) -> Rectangle:
    """A box and its surroundings, within a picture of (width, height)."""
    margin = round(max(_LEAST_PX, _SURROUNDINGS * max(box[2] - box[0], box[3] - box[1])))
    return (
        max(0, box[0] - margin),
        max(0, box[1] - margin),
        min(size[0], box[2] + margin),
        min(size[1], box[3] + margin),
    )
