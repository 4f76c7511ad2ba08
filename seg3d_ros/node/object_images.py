"""Pictures of objects as messages."""

from __future__ import annotations

import array
from collections.abc import Sequence
from typing import Any

from geometry_msgs.msg import Pose, Quaternion
from sensor_msgs.msg import CompressedImage, RegionOfInterest

from seg3d_ros.mapping.keyframes.best_views import ObjectView
from seg3d_ros.node.conversions import header_msg, point_msg
from seg3d_ros.pictures.object_picture import Rectangle, picture_of
from seg3d_ros.scene import Float64
from seg3d_ros.sensing.transforms import quaternion_from_matrix


def fill_in_images(
    response: Any, object_id: int, views: Sequence[ObjectView], *, whole: bool, fixed_frame: str
) -> None:
    """Add pictures to a response of GetObjectImage.

    Args:
        response: to be filled in.
        object_id: whose colour the boxes have.
        views: of the object.
        whole: whole camera pictures, not only the object.
        fixed_frame: frame of the poses.
    """
    for view in views:
        picture = picture_of(view, object_id, whole=whole)
        header = header_msg(fixed_frame, view.keyframe.stamp_ns)
        data = array.array("B", picture.jpeg)
        response.images.append(CompressedImage(header=header, format="jpeg", data=data))
        response.boxes.append(_region_msg(picture.box))
        response.camera_poses.append(_pose_msg(view.keyframe.map_from_camera))
        response.visible.append(view.visible)


def _region_msg(box: Rectangle) -> RegionOfInterest:
    left, top, right, bottom = box
    return RegionOfInterest(x_offset=left, y_offset=top, width=right - left, height=bottom - top)


def _pose_msg(matrix: Float64) -> Pose:
    x, y, z, w = map(float, quaternion_from_matrix(matrix[:3, :3]))
    return Pose(position=point_msg(matrix[:3, 3]), orientation=Quaternion(x=x, y=y, z=z, w=w))
