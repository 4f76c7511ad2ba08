"""Views of objects through an image encoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seg3d_ros.imaging.crops import square_crop
from seg3d_ros.imaging.encoder import ImageEncoder
from seg3d_ros.mapping.keyframes.best_views import ObjectView
from seg3d_ros.scene import Float32, UInt8


def encode_views(views: Sequence[ObjectView], encoder: ImageEncoder) -> Float32:
    """Embed N >= 1 views into (N, D) float32 unit vectors; each keyframe is unpacked once."""
    pictures: dict[int, UInt8] = {}
    crops: list[UInt8] = []
    for view in views:
        keyframe = view.keyframe
        if keyframe.id not in pictures:
            pictures[keyframe.id] = keyframe.read_color()
        crops.append(square_crop(pictures[keyframe.id], view.box, encoder.crop_size))
    return encoder.encode(np.stack(crops))
