"""Stand-off poses as messages ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seg3d_ros.node.conversions import header_msg, upright_pose_msg
from seg3d_ros.objects.approach import Approach, ApproachRequest
from seg3d_ros.scene import Float64


def approach_of_request(request: Any, start: Float64 | None) -> ApproachRequest:
    """Places that a GetApproach request asks for; its zeros are the usual values.

    Args:
        request: the request.
        start: (3,) of the robot in the fixed frame, metres; None: not given.

    Raises:
        InputError: a value makes no sense.
    """
    given = {
        "radius": request.robot_radius,
        "height": request.robot_height,
        "min_distance": request.min_distance,
        "max_distance": request.max_distance,
        "camera_height": request.camera_height,
        "max_results": request.max_results,
        "start": None if start is None else (float(start[0]), float(start[1])),
    }
    return ApproachRequest(**{name: value for name, value in given.items() if value})


def fill_in_approaches(
    response: Any, found: Sequence[Approach], *, fixed_frame: str, stamp_ns: int
) -> None:
    """Fill the places into a GetApproach response."""
    response.header = header_msg(fixed_frame, stamp_ns)
    response.poses = [upright_pose_msg(place.position, place.yaw) for place in found]
    response.scores = [place.score for place in found]
    response.distances = [place.distance for place in found]
    response.visible = [place.visible for place in found]
    response.clearances = [place.clearance for place in found]
    response.path_lengths = [place.path_length for place in found]
