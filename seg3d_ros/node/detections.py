"""Objects as vision_msgs/Detection3DArray, for tools that know it.

Imported only where vision_msgs is installed.
"""

from __future__ import annotations

from std_msgs.msg import Header
from vision_msgs.msg import (
    BoundingBox3D,
    Detection3D,
    Detection3DArray,
    ObjectHypothesis,
    ObjectHypothesisWithPose,
)

from seg3d_ros.node.conversions import upright_pose_msg, vector_msg
from seg3d_ros.objects.map_object import MapObject


def detections_msg(header: Header, objects: tuple[MapObject, ...]) -> Detection3DArray:
    """All objects; `id` is the object's, `class_id` its label, one hypothesis a candidate."""
    return Detection3DArray(header=header, detections=[_detection(header, o) for o in objects])


def _detection(header: Header, item: MapObject) -> Detection3D:
    named = [(candidate.label, candidate.probability) for candidate in item.candidates]
    msg = Detection3D(header=header, id=str(item.id))
    msg.bbox = BoundingBox3D(
        center=upright_pose_msg(item.box.center, item.box.yaw), size=vector_msg(item.box.size)
    )
    for label, score in named or [(item.label, item.score)]:
        hypothesis = ObjectHypothesisWithPose(
            hypothesis=ObjectHypothesis(class_id=label, score=float(score))
        )
        hypothesis.pose.pose = msg.bbox.center
        msg.results.append(hypothesis)
    return msg
