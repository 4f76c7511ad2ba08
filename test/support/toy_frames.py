"""Frames and keyframes of the toy room."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from seg3d_ros.mapping.keyframes.keyframe import Keyframe, pack_view, view_of
from seg3d_ros.scene import Frame
from seg3d_ros.sensing.depth_image import deproject
from support import toy_room

SECOND_NS = 1_000_000_000


def toy_frame(pose: np.ndarray, *, stamp_ns: int = SECOND_NS, boxes=toy_room.BOXES) -> Frame:
    """Frame of a camera in the toy room, at a pose map_from_camera."""
    depth, color = toy_room.cast(pose, boxes)
    camera = toy_room.CAMERA
    return Frame(
        deproject(depth, camera, depth_unit=1.0),
        color.reshape(-1, 3),
        stamp_ns,
        pose,
        grid=(camera.height, camera.width),
        camera=camera,
        source="camera",
    )


def toy_keyframe(
    pose: np.ndarray, keyframe_id: int = 1, *, boxes=toy_room.BOXES, **changes
) -> Keyframe:
    """Keyframe of a camera in the toy room, sharp by definition."""
    view = view_of(toy_frame(pose, boxes=boxes))
    assert view is not None
    return replace(pack_view(view, keyframe_id, source="camera", sharpness=1.0), **changes)


def box_surface(box: toy_room.ToyBox, *, step: float = 0.02) -> np.ndarray:
    """(N, 3) points on the six faces of a box, map frame, metres."""
    axes = [np.arange(low, high + 1e-9, step) for low, high in zip(box.low, box.high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    low, high = (np.array([axis[end] for axis in axes]) for end in (0, -1))
    return grid[((grid == low) | (grid == high)).any(axis=1)]
