"""Overlay: masks and names of objects, drawn into a camera picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from seg3d_ros.mapping.keyframes.visibility import paint_visible
from seg3d_ros.objects.map_object import UNLABELLED, MapObject
from seg3d_ros.pictures.captions import Tag, draw_tags
from seg3d_ros.pictures.id_colors import NO_OBJECT, colors_of_ids
from seg3d_ros.pictures.palette import color_of
from seg3d_ros.scene import MapGrid, UInt8, View

_MIX = 0.45  # of an object's colour in its pixels; its outline has the colour alone
_MIN_NAMED_PX = 150


def draw_overlay(view: View, objects: Sequence[MapObject], grid: MapGrid) -> UInt8:
    """Picture (H, W, 3) RGB of a view with the objects that it shows.

    Args:
        view: with the depth that tells what is hidden.
        objects: known ones.
        grid: whose local coordinates their points are in.
    """
    ids = np.zeros(view.depth.shape, np.uint32)
    shown = [item for item in objects if _is_before(item, view)]
    for item in sorted(shown, key=len, reverse=True):  # small things lie on large ones
        points = grid.map_from_local(item.points)
        paint_visible(ids, item.id, points, view, point_size=grid.voxel_size)
    image = Image.fromarray(_painted(view.color, ids))
    draw_tags(image, _tags(shown, ids))
    return np.asarray(image)


def _is_before(item: MapObject, view: View) -> bool:
    """Whether part of an object may be in front of the camera."""
    towards = item.box.center - view.map_from_camera[:3, 3]
    radius = float(np.linalg.norm(item.box.size)) / 2
    return float(towards @ view.map_from_camera[:3, 2]) > -radius


def _painted(color: UInt8, ids: np.ndarray) -> UInt8:
    own = colors_of_ids(ids.ravel()).reshape(color.shape)
    of_object = ids != NO_OBJECT
    share = np.where(_outlines(ids), 1.0, _MIX) * of_object
    return np.rint(color + (own - color.astype(np.float32)) * share[..., None]).astype(np.uint8)


def _outlines(ids: np.ndarray) -> np.ndarray:
    """(H, W) bool, pixels whose right or lower neighbour is of another object."""
    edges = np.zeros(ids.shape, bool)
    edges[:, :-1] |= ids[:, :-1] != ids[:, 1:]
    edges[:-1] |= ids[:-1] != ids[1:]
    return edges


def _tags(objects: Sequence[MapObject], ids: np.ndarray) -> list[Tag]:
    """A name for each object that is seen well, the largest first, at its middle."""
    tags = []
    for item in objects:
        rows, columns = np.nonzero(ids == item.id)
        if len(rows) >= _MIN_NAMED_PX:
            text = str(item.id) if item.label == UNLABELLED else f"{item.id} {item.label}"
            anchor = np.array([np.median(columns), np.median(rows)])
            tags.append((len(rows), Tag(text, anchor, color_of(item.id))))
    return [tag for _, tag in sorted(tags, key=lambda pair: -pair[0])]
