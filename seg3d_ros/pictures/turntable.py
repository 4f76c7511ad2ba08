"""Turntable: a film that looks at a scene from all around."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from seg3d_ros.errors import InputError
from seg3d_ros.files import replacing
from seg3d_ros.objects.map_object import MapObject
from seg3d_ros.pictures.picture import render_objects
from seg3d_ros.scene import Scene

FORMATS = {".webp": "WEBP", ".gif": "GIF", ".png": "PNG"}  # all of them play in a browser
_SECONDS = 12.0  # of a turn
_QUALITY = 80


def check_film(path: Path) -> None:
    """Refuse a film that cannot be written.

    Raises:
        InputError: the suffix is none of FORMATS.
    """
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"{path} is no film that can be written; use one of {', '.join(FORMATS)}")


def render_turntable(
    path: Path,
    scene: Scene,
    objects: Sequence[MapObject],
    *,
    frames: int = 72,
    size: tuple[int, int] = (960, 720),
    on_frame: Callable[[], None] = lambda: None,
) -> None:
    """Write a film of one turn around a scene with its objects, boxes and captions.

    Args:
        path: file to write, of one of FORMATS; an older one is replaced at once.
        scene: at least one point, z up.
        objects: found in this scene.
        frames: number of pictures.
        size: width and height, pixels.
        on_frame: called after each picture.

    Raises:
        InputError: the suffix is none of FORMATS.
    """
    check_film(path)
    pictures: list[Image.Image] = []
    for azimuth in np.arange(frames) * 2 * np.pi / frames:
        pictures.append(render_objects(scene, objects, size=size, azimuth=float(azimuth)))
        on_frame()
    with replacing(path) as temporary:
        pictures[0].save(
            temporary,
            format=FORMATS[path.suffix.lower()],
            save_all=True,
            append_images=pictures[1:],
            duration=round(1000 * _SECONDS / frames),
            loop=0,
            quality=_QUALITY,
        )
