"""Points of requests: clicks, and their way to the fixed frame."""

from __future__ import annotations

from typing import Any

import numpy as np

from seg3d_ros.errors import InputError
from seg3d_ros.node.conversions import points_of
from seg3d_ros.node.request_pose import RequestPose
from seg3d_ros.scene import Bool, Float64
from seg3d_ros.sensing.transforms import transformed
from seg3d_ros.text.labels import check_text

MAX_CLICKS = 100
MAX_NAME = 200


def clicks_of_request(request: Any, pose: RequestPose | None) -> tuple[Float64, Bool]:
    """Clicks (K, 3) of a request in the fixed frame, and (K,) which of them are on the thing."""
    points = points_of(request.points)
    foreground = _checked_clicks(points, request.foreground, request.name)
    return in_fixed_frame(points, pose), foreground


def in_fixed_frame(points: Float64, pose: RequestPose | None) -> Float64:
    """(K, 3) points of a request in the fixed frame."""
    if pose is None:
        return points
    return transformed(points, pose.wait())


def _checked_clicks(points: Any, foreground: Any, name: str) -> Bool:
    """Foreground flags of the clicks, after checking that the request makes sense."""
    count = len(points)
    if not 1 <= count <= MAX_CLICKS:
        raise InputError(f"{count} points given; give 1 to {MAX_CLICKS}")
    if not np.isfinite(points).all():
        raise InputError("a point holds NaN or infinity")
    flags = np.array(foreground, bool) if len(foreground) else np.ones(count, bool)
    if len(flags) != count:
        raise InputError(
            f"{len(flags)} foreground flags for {count} points; give one each or none"
        )
    if not flags.any():
        raise InputError("all points are background; at least one must be on the object")
    if name:
        check_text(name, "name", max_length=MAX_NAME)
    return flags
