"""A picture of the result: the room in its own colours, and beside it with its objects painted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from seg3d_ros.files import replacing
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.pictures.captions import draw_boxes, draw_captions, draw_title
from seg3d_ros.pictures.id_colors import object_ids
from seg3d_ros.pictures.room_render import BACKGROUND, Shot, painted, shoot
from seg3d_ros.scene import Float32, Float64, Scene

_MIN_DRAWN = 0.5  # of an object's voxels; the lid cuts the rest, and its box would float
_MIN_VISIBLE = 0.0003  # of the picture
_THICKEST_WALL_M = 0.5  # wavy ones, and with what hangs on them
_SHORTEST_WALL_M = 2.0  # in a small scene things are as long as half of it, too


def render_view(
    path: Path, scene: Scene, objects: Sequence[MapObject], *, size: tuple[int, int] = (1600, 800)
) -> None:
    """Write a PNG: left the scene, right the same view with objects, boxes and captions.

    Args:
        path: file to write; an older one is replaced at once.
        scene: what to draw, z up. An empty scene gives an empty picture.
        objects: found in this scene.
        size: width and height of the picture, pixels.
    """
    image = Image.new("RGB", size, tuple(BACKGROUND))
    half = (size[0] // 2, size[1])
    if len(scene):
        left, right = _panels(scene, objects, half)
        image.paste(left, (0, 0))
        image.paste(right, (half[0], 0))
    with replacing(path) as temporary:
        image.save(temporary, format="PNG")


def render_objects(
    scene: Scene, objects: Sequence[MapObject], *, size: tuple[int, int], azimuth: float
) -> Image.Image:
    """Picture of a scene with its objects, boxes and captions, seen from one side.

    Args:
        scene: at least one point, z up.
        objects: found in this scene.
        size: width and height of the picture, pixels.
        azimuth: where the viewer stands, radians from the x axis.
    """
    return _panels(scene, objects, size, azimuth)[1]


def _panels(
    scene: Scene,
    objects: Sequence[MapObject],
    size: tuple[int, int],
    azimuth: float | None = None,
) -> tuple[Image.Image, Image.Image]:
    """The two pictures of (width, height) pixels; azimuth None: from where most is seen."""
    ids = object_ids(scene, objects)
    things = without_surfaces(objects, scene.points)
    of_thing = np.isin(ids, [item.id for item in things])
    shot = shoot(scene.points, of_thing, voxel_size=scene.voxel_size, size=size, azimuth=azimuth)
    left, right = shot.paint(scene.colors), shot.paint(painted(scene.colors, ids))
    shown = _worth_a_box(objects, ids, shot)
    boxed = [item for item in shown if item in things]
    draw_boxes(right, boxed, shot.view.of_map_frame(scene.origin), shot.depth)
    left, right = shot.reduced(left), shot.reduced(right)
    draw_captions(right, shown, shot.picture_view.of_map_frame(scene.origin), boxed=boxed)
    draw_title(left, f"map: {len(scene):,} voxels of {scene.voxel_size * 100:g} cm")
    draw_title(right, f"objects: {len(objects)}")
    return left, right


def without_surfaces(objects: Sequence[MapObject], points: Float32) -> list[MapObject]:
    """Without what bounds a room: walls may be cut off, and their boxes would frame everything."""
    if not objects:
        return []
    extent = np.ptp(np.percentile(points[:, :2], [0.5, 99.5], axis=0), axis=0)
    longest = max(float(extent.max()) / 2, _SHORTEST_WALL_M)

    def is_surface(size: Float64) -> bool:
        return bool(size.min() < _THICKEST_WALL_M and size[:2].max() > longest)

    return [item for item in objects if not is_surface(item.box.size)]


def _worth_a_box(
    objects: Sequence[MapObject], ids: npt.NDArray[np.uint32], shot: Shot
) -> list[MapObject]:
    """Objects that are drawn for the most part and not as mere specks, the most visible first."""
    voxels = Counter(ids[shot.drawn].tolist())
    visible = Counter(ids[shot.rows[shot.rows >= 0]].tolist())
    shown = [
        item
        for item in objects
        if voxels[item.id] > _MIN_DRAWN * len(item)
        and visible[item.id] > _MIN_VISIBLE * shot.rows.size
    ]
    return sorted(shown, key=lambda item: visible[item.id], reverse=True)
