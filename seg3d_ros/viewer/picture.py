"""A picture of the result: the room in its own colours, and beside it with its objects painted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.scene import Float32, Scene
from seg3d_ros.viewer.captions import draw_boxes, draw_captions, draw_title
from seg3d_ros.viewer.export import replacing
from seg3d_ros.viewer.paint import NO_OBJECT, colors_of_ids, object_ids
from seg3d_ros.viewer.splat import edge_shade, splat
from seg3d_ros.viewer.viewpoint import below_lid, best_view

BACKGROUND = np.array([28, 31, 36])
_MIN_DRAWN = 0.5  # of an object's voxels; the lid cuts the rest, and its box would float
_MIN_VISIBLE = 0.0003  # of the picture
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
_SMOOTHING = 2  # drawn this much larger, then reduced: smooth edges
_SPLAT_VOXELS = 1.9  # diameter that closes a surface of voxels at any angle


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


def _panels(
    scene: Scene, objects: Sequence[MapObject], size: tuple[int, int]
) -> tuple[Image.Image, Image.Image]:
    """The two pictures of (width, height) pixels."""
    ids = object_ids(scene, objects)
    kept = below_lid(scene.points)
    points, colors, ids = scene.points[kept], scene.colors[kept], ids[kept]
    view, drawn = best_view(points, ids != NO_OBJECT, size=size)
    large = view.enlarged(_SMOOTHING)
    splatted = splat(points[drawn], large, point_size=_SPLAT_VOXELS * scene.voxel_size)
    shade = edge_shade(splatted.depth, tolerance=2 * scene.voxel_size)
    left = _shaded(colors[drawn], splatted.rows, shade)
    right = _shaded(_painted(colors[drawn], ids[drawn]), splatted.rows, shade)
    shown = _worth_a_box(objects, ids[drawn], splatted.rows)
    draw_boxes(right, shown, large, splatted.depth)
    left, right = (
        panel.resize(size, resample=Image.Resampling.LANCZOS) for panel in (left, right)
    )
    draw_captions(right, shown, view)
    draw_title(left, f"map: {len(scene):,} voxels of {scene.voxel_size * 100:g} cm")
    draw_title(right, f"objects: {len(objects)}")
    return left, right


def _worth_a_box(
    objects: Sequence[MapObject],
    ids: npt.NDArray[np.uint32],
    rows: npt.NDArray[np.int32],
) -> list[MapObject]:
    """Objects that are drawn for the most part and not as mere specks, the most visible first."""
    voxels, visible = Counter(ids.tolist()), Counter(ids[rows[rows >= 0]].tolist())
    shown = [
        item
        for item in objects
        if voxels[item.id] > _MIN_DRAWN * len(item) and visible[item.id] > _MIN_VISIBLE * rows.size
    ]
    return sorted(shown, key=lambda item: visible[item.id], reverse=True)


def _painted(colors: Float32, ids: npt.NDArray[np.uint32]) -> Float32:
    """Objects in their palette colour, the rest dim grey; both as light or dark as the input."""
    light = (colors @ _LUMINANCE)[:, None]
    dim = 0.30 + 0.32 * light
    vivid = colors_of_ids(ids) / np.float32(255) * (0.62 + 0.5 * light)
    return np.where((ids != NO_OBJECT)[:, None], vivid, dim).clip(0, 1).astype(np.float32)


def _shaded(colors: Float32, rows: npt.NDArray[np.int32], shade: Float32) -> Image.Image:
    """Image of (N, 3) colours in [0, 1], by the point that each pixel shows."""
    pixels = np.vstack([colors, np.float32(BACKGROUND) / 255])[rows]  # row -1: background
    return Image.fromarray(np.rint(pixels * shade[:, :, None] * 255).astype(np.uint8))
