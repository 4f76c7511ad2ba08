"""The toy room as frames for an engine without learned models."""

from __future__ import annotations

import numpy as np

from seg3d_ros.engine.perception import PerceptionSettings
from seg3d_ros.scene import Frame
from seg3d_ros.sensing.depth_image import deproject
from support import toy_room

SECOND = 1_000_000_000
GEOMETRIC = PerceptionSettings.of({"segmentation.model": "geometric", "prompt.model": "geometric"})


def frame_of(pose: np.ndarray, stamp_ns: int) -> Frame:
    """Frame of the room as a camera at a pose sees it."""
    depth, color = toy_room.cast(pose)
    points = deproject(depth, toy_room.CAMERA, depth_unit=1.0)
    grid = (toy_room.CAMERA.height, toy_room.CAMERA.width)
    return Frame(points, color.reshape(-1, 3), stamp_ns, pose, grid=grid, camera=toy_room.CAMERA)
