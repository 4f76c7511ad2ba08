"""Views of objects through an image encoder."""

from __future__ import annotations

from collections.abc import Sequence

from seg3d_ros.imaging.encoder import ImageEncoder
from seg3d_ros.mapping.keyframes.best_views import ObjectView
from seg3d_ros.scene import Float32, UInt8


def encode_views(
    views: Sequence[ObjectView], encoders: Sequence[ImageEncoder]
) -> dict[str, Float32]:
    """Embed N >= 1 views into (N, D) float32 unit vectors by space; pictures are unpacked once."""
    pictures: dict[int, UInt8] = {}
    for view in views:
        if view.keyframe.id not in pictures:
            pictures[view.keyframe.id] = view.keyframe.read_color()
    seen = [pictures[view.keyframe.id] for view in views]
    boxes = [view.box for view in views]
    return {encoder.space: encoder.encode(seen, boxes) for encoder in encoders}
