"""Frames as the compiled passes of the map take them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seg3d_ros.scene import Frame
from seg3d_ros.sensing.estimate_intrinsics import is_image
from seg3d_ros.sensing.transforms import check_rigid


def check_frame(frame: Frame) -> None:
    """Check types and pose.

    Raises:
        ValueError: arrays of another type than `Frame` says, or a pose that is not rigid.
    """
    if frame.points.dtype != np.float32 or frame.colors.dtype != np.uint8:
        raise ValueError(
            f"points have type {frame.points.dtype}, colors {frame.colors.dtype}; "
            "expected float32 and uint8"
        )
    check_rigid(frame.map_from_sensor, "map_from_sensor")


def is_view(frame: Frame) -> bool:
    """True for the view of a camera; the rings of a lidar are no rows of an image."""
    return frame.grid is not None and is_image(frame.points, frame.grid)


def read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A view that cannot be written: writable arrays would be compiled for once more."""
    view = array.view()
    view.flags.writeable = False
    return view
